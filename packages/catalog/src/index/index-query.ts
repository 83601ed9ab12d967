import { decode, encode, list, optional, struct, text } from '@hypermesh/stoq';
import type { Query, StateReader } from '@hypermesh/mesh/machine';
import semver from 'semver';
import { catalogError } from '../errors.ts';
import { PACKAGE_NAME_LENGTH_MAX, VERSION_LENGTH_MAX } from '../manifest/name.ts';
import { allVersions, type PublishedVersion, publishedVersionCodec, readVersion, versionsOf } from './published-version.ts';

export interface IndexQueries {
  /** The exact version; with an empty version the highest that is neither a pre-release nor yanked. */
  readonly resolve: Query<{ readonly name: string; readonly version: string }, PublishedVersion | null>;
  /** All versions of one package; of all packages for an empty name. */
  readonly list: Query<string, readonly PublishedVersion[]>;
}

// One answer; a catalog page holds fewer.
export const VERSIONS_PER_ANSWER_MAX: number = 1_000;

export const INDEX_QUERIES: IndexQueries = {
  resolve: {
    argument: struct({ name: text(PACKAGE_NAME_LENGTH_MAX), version: text(VERSION_LENGTH_MAX) }),
    answer: optional(publishedVersionCodec),
  },
  list: { argument: text(PACKAGE_NAME_LENGTH_MAX), answer: list(publishedVersionCodec, VERSIONS_PER_ANSWER_MAX) },
};

export function answerQuery(state: StateReader, method: string, argument: Uint8Array): Uint8Array {
  switch (method) {
    case 'resolve':
      return encode(INDEX_QUERIES.resolve.answer, resolve(state, decode(INDEX_QUERIES.resolve.argument, argument)));
    case 'list': {
      const name = decode(INDEX_QUERIES.list.argument, argument);
      const found: PublishedVersion[] = [];
      for (const version of name === '' ? allVersions(state) : versionsOf(state, name)) {
        if (found.push(version) >= VERSIONS_PER_ANSWER_MAX) break;
      }
      return encode(INDEX_QUERIES.list.answer, found);
    }
    default:
      throw catalogError('catalog.query_unknown', { method });
  }
}

function resolve(state: StateReader, wanted: { readonly name: string; readonly version: string }): PublishedVersion | null {
  if (wanted.version !== '') return readVersion(state, wanted.name, wanted.version) ?? null;
  let best: PublishedVersion | null = null;
  for (const candidate of versionsOf(state, wanted.name)) {
    const eligible = !candidate.yanked && semver.prerelease(candidate.version) === null;
    if (eligible && (best === null || semver.gt(candidate.version, best.version))) best = candidate;
  }
  return best;
}
