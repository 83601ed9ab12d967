import { decode, encode, equalBytes, type ErrorData, formatId } from '@hypermesh/stoq';
import { catalogError, INDEX_MACHINE, INDEX_QUERIES, type PublishedVersion } from '@hypermesh/catalog';
import type { Session } from '../session.ts';

/**
 * The version as the validators have it now, which is what they will judge a deployment by. An empty version stands for
 * the newest. Throws `catalog.version_unknown`, `catalog.version_yanked`.
 */
export async function resolveInIndex(
  session: Session,
  wanted: { readonly name: string; readonly version: string },
): Promise<PublishedVersion> {
  const { argument, answer } = INDEX_QUERIES.resolve;
  const { result } = await session.mesh.query(INDEX_MACHINE, 'resolve', encode(argument, wanted), { signal: session.signal });
  const found = decode(answer, result);
  if (found === null) throw catalogError('catalog.version_unknown', described(wanted));
  return offered(found);
}

/** For errors: no version stands for the newest. */
export function described({ name, version }: { readonly name: string; readonly version: string }): ErrorData {
  return version === '' ? { name } : { name, version };
}

/** The version that has that root. */
export async function resolveRoot(session: Session, root: Uint8Array): Promise<PublishedVersion> {
  const { argument, answer } = INDEX_QUERIES.list;
  const { result } = await session.mesh.query(INDEX_MACHINE, 'list', encode(argument, ''), { signal: session.signal });
  const found = decode(answer, result).find((version) => equalBytes(version.root, root));
  if (found === undefined) throw catalogError('catalog.version_unknown', { root: formatId('pkg', root) });
  return offered(found);
}

function offered(version: PublishedVersion): PublishedVersion {
  if (version.yanked) throw catalogError('catalog.version_yanked', { name: version.name, version: version.version });
  return version;
}
