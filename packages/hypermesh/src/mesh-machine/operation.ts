import {
  bool,
  bytes,
  bytesUpTo,
  type Codec,
  decode,
  encode,
  type Entropy,
  hasCode,
  list,
  oneOf,
  optional,
  type Role,
  struct,
  text,
  uint,
  union,
} from '@hypermesh/stoq';
import { BUNDLE_BYTES_MAX } from '@hypermesh/trustchain';
import { hypermeshError } from '../errors.ts';
import { type AppSpec, appSpecCodec } from './app.ts';
import { type AssetState, assetStateCodec, type DetectedAsset, detectedAssetCodec } from './asset.ts';
import { APP_NAME_LENGTH_MAX, ASSET_COUNT_MAX, MEMBER_NAME_LENGTH_MAX, REASON_LENGTH_MAX, REPLICA_COUNT_MAX } from './limits.ts';
import { addressesCodec, rolesCodec } from './member.ts';
import { type NodeDescription, nodeDescriptionFields } from './node.ts';
import { type OperationProof, operationProofCodec, payloadDigest, proveOperationPayload } from './operation-proof.ts';
import { PHASE_LAST } from './phase.ts';
import { placementIdCodec } from './placement.ts';
import { type CommitteeSignature, committeeSignaturesCodec, type VerdictStatement, verdictStatementCodec } from './verdict.ts';

/** What may be asked of the mesh machine. Operations on assets and apps carry a proof of state. */
export type MeshOperation =
  | {
      readonly kind: 'member.join';
      /** Certificate bundle of the transaction's owner. */
      readonly bundle: Uint8Array;
      readonly name: string | null;
      /** Hash of the invitation's secret. */
      readonly token: Uint8Array | null;
      readonly addresses: readonly string[];
    }
  | {
      readonly kind: 'invite';
      readonly token: Uint8Array;
      readonly roles: readonly Role[];
      readonly name: string | null;
      readonly owned: boolean;
      readonly expiresAt: number;
    }
  | { readonly kind: 'phase.advance'; readonly to: number }
  | ({ readonly kind: 'node.describe'; readonly assets: readonly DetectedAsset[] } & NodeDescription)
  /** `lease`: the number that the node believes to hold, null for whichever. */
  | { readonly kind: 'lease.renew'; readonly lease: number | null }
  | { readonly kind: 'verdict'; readonly statement: VerdictStatement; readonly signatures: readonly CommitteeSignature[] }
  | {
      readonly kind: 'placement.report';
      readonly id: string;
      readonly lease: number;
      readonly state: 'starting' | 'ready' | 'failed' | 'stopped';
      readonly reason: string;
    }
  | ProvenOperation;

export type ProvenOperation = { readonly proof: OperationProof | null } & (
  | { readonly kind: 'app.deploy'; readonly spec: AppSpec }
  | { readonly kind: 'app.scale'; readonly name: string; readonly replicas: number }
  | { readonly kind: 'app.remove'; readonly name: string }
  /** `drain` moves what runs there elsewhere. */
  | { readonly kind: 'node.cordon'; readonly node: Uint8Array; readonly cordoned: boolean; readonly drain: boolean }
  | { readonly kind: 'asset.transition'; readonly asset: Uint8Array; readonly to: AssetState }
);

const memberName = optional(text(MEMBER_NAME_LENGTH_MAX));
const appName = text(APP_NAME_LENGTH_MAX);
const proof = operationProofCodec;

export const meshOperationCodec: Codec<MeshOperation> = union({
  'member.join': struct({
    bundle: bytesUpTo(BUNDLE_BYTES_MAX),
    name: memberName,
    token: optional(bytes(32)),
    addresses: addressesCodec,
  }),
  invite: struct({ token: bytes(32), roles: rolesCodec, name: memberName, owned: bool, expiresAt: uint() }),
  'phase.advance': struct({ to: uint(PHASE_LAST) }),
  'node.describe': struct({ ...nodeDescriptionFields, assets: list(detectedAssetCodec, ASSET_COUNT_MAX) }),
  'lease.renew': struct({ lease: optional(uint()) }),
  verdict: struct({ statement: verdictStatementCodec, signatures: committeeSignaturesCodec }),
  'placement.report': struct({
    id: placementIdCodec,
    lease: uint(),
    state: oneOf('starting', 'ready', 'failed', 'stopped'),
    reason: text(REASON_LENGTH_MAX),
  }),
  'app.deploy': struct({ spec: appSpecCodec, proof }),
  'app.scale': struct({ name: appName, replicas: uint(REPLICA_COUNT_MAX), proof }),
  'app.remove': struct({ name: appName, proof }),
  'node.cordon': struct({ node: bytes(32), cordoned: bool, drain: bool, proof }),
  'asset.transition': struct({ asset: bytes(32), to: assetStateCodec, proof }),
}) as Codec<MeshOperation>;

/** What a deployment and a change of its replicas answer. */
export interface DeployResult {
  readonly generation: number;
}

export const deployResultCodec: Codec<DeployResult> = struct({ generation: uint() });

/** The bytes that a transaction carries. */
export function encodeOperation(operation: MeshOperation): Uint8Array {
  return encode(meshOperationCodec, operation);
}

/** Throws `hypermesh.operation_malformed`. */
export function decodeOperation(operation: Uint8Array): MeshOperation {
  try {
    return decode(meshOperationCodec, operation);
  } catch (cause) {
    if (hasCode(cause, 'stoq.codec_malformed') || hasCode(cause, 'stoq.codec_limit') || hasCode(cause, 'stoq.key_malformed')) {
      throw hypermeshError('hypermesh.operation_malformed', {}, { cause });
    }
    throw cause;
  }
}

/** Whose proof of state vouches for an operation, and for whom. */
export interface Sponsorship {
  readonly meshId: Uint8Array;
  /** Owner of the transaction, 32 bytes. */
  readonly owner: Uint8Array;
  /** Node id of the sponsor and digest of its current verdict. */
  readonly sponsor: Uint8Array;
  readonly verdict: Uint8Array;
  /** `operationPuzzleBits` of the mesh's parameters. */
  readonly puzzleBits: number;
}

/** The operation with its proof: about 2^puzzleBits hashes. */
export function proveOperation<Operation extends ProvenOperation>(
  operation: Operation,
  sponsorship: Sponsorship,
  entropy: Entropy,
): Operation {
  const { meshId, owner, sponsor, verdict, puzzleBits } = sponsorship;
  const payload = payloadDigest(meshId, owner, unproven(operation));
  const from = Buffer.from(entropy.bytes(NONCE_START_BYTES)).readUIntBE(0, NONCE_START_BYTES);
  return { ...operation, proof: proveOperationPayload({ sponsor, verdict, payload }, puzzleBits, from) };
}

// Far below 2^53, so that counting on from a random start stays exact.
const NONCE_START_BYTES = 6;

/** What the payload digest of a proof covers: the operation without the proof. */
export function unproven(operation: ProvenOperation): Uint8Array {
  return encodeOperation({ ...operation, proof: null });
}
