import { type Client, type Clock, CodedError, type Crypto } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import type { CheckpointWitnesses, CosignRequest } from '../log/commit.ts';
import { type Cosigner, verifyCosignature } from '../note/cosignature.ts';
import { type NoteSignature, parseSignatureLine } from '../note/note.ts';
import type { WitnessMethods } from './contract.ts';
import {
  assertPolicy,
  decodeWitnessPolicy,
  encodeWitnessPolicy,
  type PolicySignature,
  type SignedWitnessPolicy,
  verifyPolicySignature,
  type WitnessPolicy,
} from './policy.ts';

/** A witness as the log reaches it. */
export interface WitnessPeer extends Cosigner {
  readonly client: Client<WitnessMethods>;
}

export interface WitnessQuorumComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** For one checkpoint; by default 10 s. */
  readonly deadlineMs?: number;
}

// A witness that must catch up asks twice; a validator under load still answers within this.
const QUORUM_DEADLINE_MS = 10_000;
// One for an old size learnt anew, one for a checkpoint of another log that overtook it.
const ATTEMPTS_MAX = 3;

/** Collects cosignatures from all witnesses at once, and answers as soon as `threshold` have verified. */
export function createWitnessQuorum(
  peers: readonly WitnessPeer[],
  threshold: number,
  { crypto, clock, deadlineMs = QUORUM_DEADLINE_MS }: WitnessQuorumComponents,
): CheckpointWitnesses {
  // Size that each witness has cosigned last, by origin: a guess, which its refusal corrects.
  const sizes = new Map<string, number>();

  const ask = async (peer: WitnessPeer, request: CosignRequest, signal: AbortSignal): Promise<NoteSignature | null> => {
    const key = `${peer.name} ${request.origin}`;
    for (let attempt = 1; ; attempt++) {
      const oldSize = Math.min(sizes.get(key) ?? 0, request.size);
      try {
        const consistencyProof = await request.proveFrom(oldSize);
        const { origin, checkpoint } = request;
        const { cosignature } = await peer.client.cosign({ origin, oldSize, consistencyProof, checkpoint }, { signal });
        const signature = readLine(cosignature);
        if (!verifyCosignature(request, peer, signature, crypto)) return null;
        sizes.set(key, request.size);
        return signature;
      } catch (error) {
        const size = sizeOf(error);
        if (size === null || size === oldSize || attempt === ATTEMPTS_MAX) throw error;
        sizes.set(key, size);
      }
    }
  };

  return {
    async cosign(request, { signal }) {
      const collected = await collect(peers, threshold, clock, deadlineMs, signal, (peer, limit) => ask(peer, request, limit));
      if (collected.length < threshold) {
        throw trustError('trustchain.witness_quorum_missing', { origin: request.origin, cosignatures: collected.length, threshold });
      }
      return collected;
    },
  };
}

/**
 * Asks the witnesses of `previous` for the next policy and answers with it once a quorum has signed the same one;
 * null while there is none, which is the usual answer.
 */
export async function collectWitnessPolicy(
  peers: readonly WitnessPeer[],
  previous: WitnessPolicy,
  { crypto, clock, deadlineMs = QUORUM_DEADLINE_MS }: WitnessQuorumComponents,
  signal: AbortSignal,
): Promise<SignedWitnessPolicy | null> {
  const byPolicy = new Map<string, { readonly policy: WitnessPolicy; readonly signatures: PolicySignature[] }>();
  const ask = async (peer: WitnessPeer, limit: AbortSignal): Promise<PolicySignature | null> => {
    const answer = await peer.client.policy({ version: previous.version + 1 }, { signal: limit });
    const policy = decodeWitnessPolicy(answer.policy);
    assertPolicy(policy, previous);
    const signed: PolicySignature = { name: peer.name, signature: { algorithm: 'ml-dsa-44', bytes: answer.signature } };
    if (!verifyPolicySignature(policy, signed, previous, crypto)) return null;
    const key = Buffer.from(encodeWitnessPolicy(policy)).toString('base64');
    const group = byPolicy.get(key) ?? { policy, signatures: [] };
    byPolicy.set(key, group);
    group.signatures.push(signed);
    return signed;
  };
  await collect(peers, peers.length, clock, deadlineMs, signal, ask);
  return [...byPolicy.values()].find(({ signatures }) => signatures.length >= previous.threshold) ?? null;
}

/** What the peers answered, at most `countMax`, when there are enough, all have answered or failed, or time is up. */
function collect<T>(
  peers: readonly WitnessPeer[],
  countMax: number,
  clock: Clock,
  deadlineMs: number,
  signal: AbortSignal,
  ask: (peer: WitnessPeer, signal: AbortSignal) => Promise<T | null>,
): Promise<readonly T[]> {
  const limit = new AbortController();
  const { promise, resolve } = Promise.withResolvers<readonly T[]>();
  const collected: T[] = [];
  let outstanding = peers.length;
  const end = (): void => {
    cancel();
    signal.removeEventListener('abort', end);
    resolve([...collected]);
    limit.abort();
  };
  const cancel = clock.after(deadlineMs, end);
  const count = (answer: T | null): void => {
    outstanding--;
    if (answer !== null && collected.length < countMax) collected.push(answer);
    if (outstanding === 0 || collected.length === countMax) end();
  };
  signal.addEventListener('abort', end);
  if (peers.length === 0 || signal.aborted) end();
  for (const peer of peers) {
    // A witness that fails or refuses is one that does not count; the caller sees how many did.
    ask(peer, limit.signal).then(count, () => count(null));
  }
  return promise;
}

function readLine(line: Uint8Array): NoteSignature {
  const text = Buffer.from(line).toString('utf8');
  return parseSignatureLine(text.endsWith('\n') ? text.slice(0, -1) : text);
}

/** The size that a witness holds, if that is why it refused. */
function sizeOf(error: unknown): number | null {
  if (!(error instanceof CodedError) || error.code !== 'trustchain.witness_refused' || error.data['reason'] !== 'old size') return null;
  const size = error.data['size'];
  return typeof size === 'number' && Number.isSafeInteger(size) && size >= 0 ? size : null;
}
