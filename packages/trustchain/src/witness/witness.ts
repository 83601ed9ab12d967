import type { Clock, Crypto, Handlers, Signer } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import { EMPTY_ROOT, verifyConsistency } from '../log/merkle.ts';
import { Turn } from '../log/turn.ts';
import { parseCheckpoint, type SignedCheckpoint } from '../note/checkpoint.ts';
import { cosign } from '../note/cosignature.ts';
import { type LogKeys, verifyLogSignatures } from '../note/log-signature.ts';
import { formatSignatureLine, type NoteSignature } from '../note/note.ts';
import type { CosignMessage, WitnessMethods } from './contract.ts';
import { encodeWitnessPolicy, signWitnessPolicy, type WitnessPolicy } from './policy.ts';
import type { WitnessStore } from './witness-store.ts';

/** Cosigns checkpoints that extend everything it has cosigned before. */
export interface Witness {
  /**
   * Throws `trustchain.witness_refused` with the reason for a log it does not know, a rollback, a fork, or an old size that is
   * not its own (then `size` in the error's data is); `trustchain.checkpoint_malformed`, `trustchain.checkpoint_unsigned`.
   */
  cosign(request: CosignMessage): Promise<NoteSignature>;
}

export interface WitnessConfig {
  /** Name in the witness policy. */
  readonly name: string;
  /** The logs that it watches. */
  readonly logs: readonly LogKeys[];
}

export interface WitnessComponents {
  readonly store: WitnessStore;
  readonly signer: Signer<'ml-dsa-44'>;
  readonly crypto: Crypto;
  readonly clock: Clock;
}

export function createWitness({ name, logs }: WitnessConfig, { store, signer, crypto, clock }: WitnessComponents): Witness {
  const turns = new Map(logs.map(({ origin }) => [origin, new Turn()]));

  const advance = async (checkpoint: SignedCheckpoint, { oldSize, consistencyProof }: CosignMessage): Promise<NoteSignature> => {
    const { origin, size, root } = checkpoint;
    const held = (await store.read(origin)) ?? { size: 0, root: EMPTY_ROOT };
    if (oldSize !== held.size) refuse('old size', { origin, oldSize, size: held.size });
    if (size < held.size) refuse('rollback', { origin, checkpointSize: size, size: held.size });
    if (!verifyConsistency(held.size, held.root, size, root, consistencyProof)) refuse('fork', { origin, checkpointSize: size });
    // Durable before it is signed: what this witness has said survives it.
    if (size !== held.size) await store.write({ origin, size, root });
    return cosign(checkpoint, name, signer, Math.floor(clock.now() / 1000));
  };

  return {
    async cosign(request) {
      const keys = logs.find(({ origin }) => origin === request.origin);
      const turn = turns.get(request.origin);
      if (keys === undefined || turn === undefined) return refuse('unknown log', { origin: request.origin });
      const checkpoint = parseCheckpoint(request.checkpoint);
      if (checkpoint.origin !== keys.origin) refuse('unknown log', { origin: checkpoint.origin });
      verifyLogSignatures(checkpoint.note, keys, crypto);
      return turn.run(() => advance(checkpoint, request));
    },
  };
}

export interface WitnessService {
  readonly witness: Witness;
  readonly name: string;
  readonly signer: Signer<'ml-dsa-44'>;
  /** The witness policy of that version as this validator sees the mesh; null while there is none. */
  readonly policyOf: (version: number) => WitnessPolicy | null;
}

/** The validator's side of `witness/1`. */
export function createWitnessHandlers({ witness, name, signer, policyOf }: WitnessService): Handlers<WitnessMethods> {
  return {
    async cosign(request) {
      return { cosignature: new TextEncoder().encode(formatSignatureLine(await witness.cosign(request))) };
    },
    async policy({ version }) {
      const policy = policyOf(version);
      if (policy === null) throw trustError('trustchain.policy_pending', { version });
      const { signature } = await signWitnessPolicy(policy, name, signer);
      return { policy: encodeWitnessPolicy(policy), name, signature: signature.bytes };
    },
  };
}

function refuse(reason: string, data: Readonly<Record<string, string | number>>): never {
  throw trustError('trustchain.witness_refused', { reason, ...data });
}
