import {
  bytes,
  type Codec,
  encode,
  formatId,
  type HybridPublicKey,
  hybridPublicKeyCodec,
  type HybridSignature,
  hybridSignatureCodec,
  type HybridSigner,
  labelled,
  oneOf,
  struct,
  text,
} from '@hypermesh/stoq';
import type { PackageKind } from '../manifest/manifest.ts';
import { PACKAGE_NAME_LENGTH_MAX, VERSION_LENGTH_MAX } from '../manifest/name.ts';

/** What a publisher signs: name and version stand for exactly one root. */
export interface PackageStatement {
  readonly meshId: Uint8Array;
  readonly name: string;
  readonly version: string;
  readonly kind: PackageKind;
  /** Identity of the package, 32 bytes. */
  readonly root: Uint8Array;
  /** Content address of the manifest's canonical JSON, 32 bytes. */
  readonly manifest: Uint8Array;
  /** Owner id of the publisher, 32 bytes. */
  readonly publisher: Uint8Array;
}

/** Entry of the package log: statement, both keys, both signatures. */
export interface PackageEntry {
  readonly statement: PackageStatement;
  readonly key: HybridPublicKey;
  readonly signature: HybridSignature;
}

export const packageStatementCodec: Codec<PackageStatement> = struct({
  meshId: bytes(32),
  name: text(PACKAGE_NAME_LENGTH_MAX),
  version: text(VERSION_LENGTH_MAX),
  kind: oneOf('wasm', 'container', 'library', 'dataset', 'model', 'template', 'service'),
  root: bytes(32),
  manifest: bytes(32),
  publisher: bytes(32),
});

export const packageEntryCodec: Codec<PackageEntry> = struct({
  statement: packageStatementCodec,
  key: hybridPublicKeyCodec,
  signature: hybridSignatureCodec,
});

/** The package log's proof that it holds an entry. */
export interface LogProof {
  readonly index: number;
  readonly hashes: readonly Uint8Array[];
  /** Signed checkpoint of the package log. */
  readonly checkpoint: Uint8Array;
}

export function packageStatementMessage(statement: PackageStatement): Uint8Array {
  return labelled('catalog/package/1', encode(packageStatementCodec, statement));
}

export async function signPackage(statement: PackageStatement, signer: HybridSigner): Promise<PackageEntry> {
  return { statement, key: signer.publicKey, signature: await signer.sign(packageStatementMessage(statement)) };
}

export function formatPackage(statement: Pick<PackageStatement, 'name' | 'version' | 'root'>): string {
  return `${statement.name}@${statement.version} ${formatId('pkg', statement.root)}`;
}
