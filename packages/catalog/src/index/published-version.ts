import { bool, bytes, type Codec, decode, oneOf, struct, text, uint } from '@hypermesh/stoq';
import type { StateReader } from '@hypermesh/mesh/machine';
import type { PackageKind } from '../manifest/manifest.ts';
import { PACKAGE_NAME_LENGTH_MAX, VERSION_LENGTH_MAX } from '../manifest/name.ts';

/** One version in the agreed index. */
export interface PublishedVersion {
  readonly name: string;
  readonly version: string;
  readonly kind: PackageKind;
  readonly root: Uint8Array;
  /** Content address of the manifest. */
  readonly manifest: Uint8Array;
  readonly publisher: Uint8Array;
  /** Block time, milliseconds. */
  readonly publishedAt: number;
  /** Index of the entry in the package log. */
  readonly logIndex: number;
  readonly yanked: boolean;
}

export const publishedVersionCodec: Codec<PublishedVersion> = struct({
  name: text(PACKAGE_NAME_LENGTH_MAX),
  version: text(VERSION_LENGTH_MAX),
  kind: oneOf('wasm', 'container', 'library', 'dataset', 'model', 'template', 'service'),
  root: bytes(32),
  manifest: bytes(32),
  publisher: bytes(32),
  publishedAt: uint(),
  logIndex: uint(),
  yanked: bool,
});

const encoder = new TextEncoder();

const VERSION_PREFIX = encoder.encode('version/');

export function nameKey(name: string): Uint8Array {
  return encoder.encode(`name/${name}`);
}

export function versionKey(name: string, version: string): Uint8Array {
  return encoder.encode(`version/${name}/${version}`);
}

export function readVersion(state: StateReader, name: string, version: string): PublishedVersion | undefined {
  const stored = state.get(versionKey(name, version));
  return stored === undefined ? undefined : decode(publishedVersionCodec, stored);
}

/** All versions of the package that has exactly this name. */
export function* versionsOf(state: StateReader, name: string): Iterable<PublishedVersion> {
  for (const version of scan(state, versionKey(name, ''))) if (version.name === name) yield version;
}

/** All versions of every package. */
export function allVersions(state: StateReader): Iterable<PublishedVersion> {
  return scan(state, VERSION_PREFIX);
}

function* scan(state: StateReader, prefix: Uint8Array): Iterable<PublishedVersion> {
  for (const [, value] of state.scan(prefix)) yield decode(publishedVersionCodec, value);
}
