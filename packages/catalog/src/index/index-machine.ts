import {
  bool,
  bytes,
  bytesUpTo,
  type Codec,
  decode,
  encode,
  equalBytes,
  hasCode,
  type HybridPublicKey,
  list,
  type Role,
  struct,
  text,
  uint,
  union,
} from '@hypermesh/stoq';
import { BUNDLE_BYTES_MAX, CHECKPOINT_BYTES_MAX, PROOF_HASHES_MAX } from '@hypermesh/trustchain';
import type { ApplyContext, GenesisInput, Machine, StateWriter } from '@hypermesh/mesh/machine';
import { catalogError } from '../errors.ts';
import { isExactVersion, isPackageName, PACKAGE_NAME_LENGTH_MAX, VERSION_LENGTH_MAX } from '../manifest/name.ts';
import { answerQuery } from './index-query.ts';
import { type LogProof, type PackageEntry, packageEntryCodec, packageStatementMessage } from './package-entry.ts';
import { nameKey, type PublishedVersion, publishedVersionCodec, readVersion, versionKey } from './published-version.ts';

export const INDEX_MACHINE: string = 'catalog';
export const INDEX_MACHINE_VERSION: number = 1;

export type IndexOperation =
  | { readonly kind: 'publish'; readonly entry: PackageEntry; readonly proof: LogProof; readonly bundle: Uint8Array }
  | { readonly kind: 'yank'; readonly name: string; readonly version: string; readonly yanked: boolean };

export const indexOperationCodec: Codec<IndexOperation> = union({
  publish: struct({
    entry: packageEntryCodec,
    proof: struct({ index: uint(), hashes: list(bytes(32), PROOF_HASHES_MAX), checkpoint: bytesUpTo(CHECKPOINT_BYTES_MAX) }),
    bundle: bytesUpTo(BUNDLE_BYTES_MAX),
  }),
  yank: struct({ name: text(PACKAGE_NAME_LENGTH_MAX), version: text(VERSION_LENGTH_MAX), yanked: bool }),
}) as Codec<IndexOperation>;

/** What a certificate says of a publisher. */
export interface CertifiedPublisher {
  readonly key: HybridPublicKey;
  readonly roles: readonly Role[];
}

// Who may take names and publish: the same as may upload.
export const PUBLISHER_ROLES: readonly Role[] = ['owner', 'operator'];

/** What the machine must be able to judge; pure functions of their arguments and of genesis. */
export interface IndexJudge {
  /** Whether the package log of genesis holds the entry. */
  isLogged(entry: Uint8Array, proof: LogProof): boolean;
  /** Whose certificate bundle it is, which was valid and logged at `time`; throws a coded error that says why not. */
  publisherOf(bundle: Uint8Array, time: number): CertifiedPublisher;
  verify(key: HybridPublicKey, message: Uint8Array, signature: PackageEntry['signature']): boolean;
}

/** The package index as a machine of the log: names have owners, versions never change. */
export function createIndexMachine(judge: IndexJudge): Machine {
  return {
    name: INDEX_MACHINE,
    version: INDEX_MACHINE_VERSION,
    views: [],
    genesis(state: StateWriter, input: GenesisInput): void {
      state.set(MESH_ID, input.meshId);
    },
    beginBlock(): void {},
    apply(state: StateWriter, operation: Uint8Array, context: ApplyContext): Uint8Array {
      const decoded = decodeOperation(operation);
      if (decoded.kind === 'publish') publish(state, decoded, context, judge);
      else yank(state, decoded, context);
      return new Uint8Array();
    },
    query: answerQuery,
  };
}

const MESH_ID = new TextEncoder().encode('mesh-id');

function decodeOperation(operation: Uint8Array): IndexOperation {
  try {
    return decode(indexOperationCodec, operation);
  } catch (cause) {
    if (hasCode(cause, 'stoq.codec_malformed') || hasCode(cause, 'stoq.codec_limit')) {
      throw catalogError('catalog.operation_malformed', {}, { cause });
    }
    throw cause;
  }
}

function publish(
  state: StateWriter,
  operation: Extract<IndexOperation, { kind: 'publish' }>,
  context: ApplyContext,
  judge: IndexJudge,
): void {
  const { entry, proof, bundle } = operation;
  const { statement } = entry;
  if (!isPackageName(statement.name)) throw catalogError('catalog.manifest_invalid', { field: 'name' });
  if (!isExactVersion(statement.version)) throw catalogError('catalog.manifest_invalid', { field: 'version' });
  if (!equalBytes(statement.meshId, state.get(MESH_ID) ?? new Uint8Array()))
    throw catalogError('catalog.signature_failed', { reason: 'another mesh' });
  if (!equalBytes(statement.publisher, context.owner))
    throw catalogError('catalog.name_taken', { reason: 'not the signer of the transaction' });
  if (!judge.verify(entry.key, packageStatementMessage(statement), entry.signature)) throw catalogError('catalog.signature_failed');
  assertCertified(entry, bundle, context.time, judge);
  if (!judge.isLogged(encode(packageEntryCodec, entry), proof)) throw catalogError('catalog.unlogged');
  const owner = state.get(nameKey(statement.name));
  if (owner !== undefined && !equalBytes(owner, context.owner)) throw catalogError('catalog.name_taken', { name: statement.name });
  if (readVersion(state, statement.name, statement.version) !== undefined) {
    throw catalogError('catalog.version_exists', { name: statement.name, version: statement.version });
  }
  state.set(nameKey(statement.name), context.owner);
  writeVersion(state, {
    name: statement.name,
    version: statement.version,
    kind: statement.kind,
    root: statement.root,
    manifest: statement.manifest,
    publisher: statement.publisher,
    publishedAt: context.time,
    logIndex: proof.index,
    yanked: false,
  });
}

/** The durable signature is judged at the agreed time of the block that orders it. */
function assertCertified(entry: PackageEntry, bundle: Uint8Array, time: number, judge: IndexJudge): void {
  const { key, roles } = judge.publisherOf(bundle, time);
  const same = equalBytes(key.classical.bytes, entry.key.classical.bytes) && equalBytes(key.postQuantum.bytes, entry.key.postQuantum.bytes);
  if (!same) throw catalogError('catalog.publisher_refused', { reason: 'the certificate holds other keys' });
  if (!roles.some((role) => PUBLISHER_ROLES.includes(role))) throw catalogError('catalog.publisher_role', { roles: roles.join(' ') });
}

function yank(state: StateWriter, operation: Extract<IndexOperation, { kind: 'yank' }>, context: ApplyContext): void {
  const known = readVersion(state, operation.name, operation.version);
  if (known === undefined) throw catalogError('catalog.version_unknown', { name: operation.name, version: operation.version });
  if (!equalBytes(known.publisher, context.owner)) throw catalogError('catalog.name_taken', { name: operation.name });
  writeVersion(state, { ...known, yanked: operation.yanked });
}

function writeVersion(state: StateWriter, version: PublishedVersion): void {
  state.set(versionKey(version.name, version.version), encode(publishedVersionCodec, version));
}
