import { bytes, bytesUpTo, type Codec, encode, equalBytes, hashLabelled, optional, struct, uint } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { StateReader, StateWriter } from '../machine/machine.ts';
import { PRUNED_PER_BLOCK_MAX } from './limits.ts';
import { readParameters } from './parameters.ts';
import { isSolved, solvePuzzle } from './puzzle.ts';
import { hex, index, type Index, sortable } from './table.ts';
import { currentVerdict, readVerdict } from './verdict.ts';
import { readWindow } from './window.ts';

/** Binds one operation to the Proof of State of a sponsoring node. */
export interface OperationProof {
  /** Node id of the sponsor, 32 bytes. */
  readonly sponsor: Uint8Array;
  /** Digest of the sponsor's current verdict. */
  readonly verdict: Uint8Array;
  /** Digest of the operation, its owner and the mesh. */
  readonly payload: Uint8Array;
  /** Solves the puzzle over the other three. */
  readonly nonce: number;
}

export const operationProofCodec: Codec<OperationProof | null> = optional(
  struct({ sponsor: bytes(32), verdict: bytes(32), payload: bytes(32), nonce: uint() }),
);

const OPERATION_BYTES_MAX = 1024 * 1024;
const PUZZLE = 'hypermesh/operation-puzzle/1';

const payloadCodec: Codec<{ readonly meshId: Uint8Array; readonly owner: Uint8Array; readonly operation: Uint8Array }> = struct({
  meshId: bytes(32),
  owner: bytes(32),
  operation: bytesUpTo(OPERATION_BYTES_MAX),
});
const boundCodec: Codec<Omit<OperationProof, 'nonce'>> = struct({ sponsor: bytes(32), verdict: bytes(32), payload: bytes(32) });

const used: Index = index('used-proof');

/** `operation`: its encoding without proof. */
export function payloadDigest(meshId: Uint8Array, owner: Uint8Array, operation: Uint8Array): Uint8Array {
  return hashLabelled('hypermesh/operation-payload/1', encode(payloadCodec, { meshId, owner, operation }));
}

/** Solves the puzzle, starting at `from`: a random start makes two equal operations differ. */
export function proveOperationPayload(bound: Omit<OperationProof, 'nonce'>, bits: number, from: number): OperationProof {
  return { ...bound, nonce: solvePuzzle(PUZZLE, encode(boundCodec, bound), bits, from) };
}

/**
 * Checks the proof of an operation and marks it as used. Throws `hypermesh.proof_missing` (none, or the sponsor has no verdict),
 * `.proof_foreign` (another operation, owner, mesh or node), `.proof_stale`, `.proof_invalid` (altered), `.proof_replayed`.
 */
export function useProof(
  state: StateWriter,
  proof: OperationProof | null,
  payload: Omit<Parameters<typeof encodePayload>[0], 'meshId'>,
): void {
  if (proof === null) throw hypermeshError('hypermesh.proof_missing');
  const { meshId, operationPuzzleBits } = readParameters(state);
  if (!equalBytes(proof.payload, encodePayload({ ...payload, meshId }))) {
    throw hypermeshError('hypermesh.proof_foreign', { reason: 'made for another operation, owner or mesh' });
  }
  assertVerdict(state, proof);
  const { nonce, ...bound } = proof;
  if (!isSolved(PUZZLE, encode(boundCodec, bound), nonce, operationPuzzleBits)) throw hypermeshError('hypermesh.proof_invalid');
  const window = readWindow(state)?.number ?? 0;
  const entry = hex(hashLabelled('hypermesh/operation-proof/1', encode(operationProofCodec, proof)));
  if (VALID_WINDOWS.some((age) => used.has(state, `${sortable(Math.max(0, window - age))}/${entry}`))) {
    throw hypermeshError('hypermesh.proof_replayed');
  }
  used.add(state, `${sortable(window)}/${entry}`);
}

/** Forgets proofs whose verdict is too old to be accepted anyway. */
export function pruneProofs(state: StateWriter): void {
  const oldest = sortable(Math.max(0, (readWindow(state)?.number ?? 0) - VALID_WINDOWS.length + 1));
  for (const entry of used.entries(state, '', PRUNED_PER_BLOCK_MAX)) {
    if (entry >= oldest) return;
    used.remove(state, entry);
  }
}

// A proof is accepted while its verdict is current: in the window of the verdict and the next.
const VALID_WINDOWS: readonly number[] = [0, 1];

function encodePayload(payload: { readonly meshId: Uint8Array; readonly owner: Uint8Array; readonly operation: Uint8Array }): Uint8Array {
  return payloadDigest(payload.meshId, payload.owner, payload.operation);
}

function assertVerdict(state: StateReader, { sponsor, verdict }: OperationProof): void {
  const latest = readVerdict(state, sponsor);
  if (latest === undefined) throw hypermeshError('hypermesh.proof_missing', { reason: 'the sponsor has no verdict' });
  if (equalBytes(latest.digest, verdict)) {
    if (currentVerdict(state, sponsor) === undefined) throw hypermeshError('hypermesh.proof_stale');
    return;
  }
  if (equalBytes(latest.previous, verdict)) throw hypermeshError('hypermesh.proof_stale');
  throw hypermeshError('hypermesh.proof_foreign', { reason: 'not a verdict of the sponsor' });
}
