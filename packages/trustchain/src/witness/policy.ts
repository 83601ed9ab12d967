import {
  bytes,
  type Codec,
  type Crypto,
  encode,
  equalBytes,
  labelled,
  list,
  publicKeyCodecOf,
  type Signature,
  signatureCodecOf,
  type Signer,
  struct,
  text,
  uint,
} from '@hypermesh/stoq';
import { VALIDATOR_COUNT_MAX } from '../constants.ts';
import { decodeAs } from '../decoding.ts';
import { trustError } from '../errors.ts';
import { type Genesis, meshIdOf } from '../genesis/genesis.ts';
import type { Cosigner } from '../note/cosignature.ts';

/** Who must cosign checkpoints. Version 0 follows from genesis and demands none; each later one is signed by a quorum of the one before. */
export interface WitnessPolicy {
  readonly meshId: Uint8Array;
  readonly version: number;
  /** Cosignatures that a checkpoint needs, and signatures that the next version needs. */
  readonly threshold: number;
  readonly witnesses: readonly Cosigner[];
}

export interface PolicySignature {
  /** Name of a witness of the version before. */
  readonly name: string;
  readonly signature: Signature<'ml-dsa-44'>;
}

export interface SignedWitnessPolicy {
  readonly policy: WitnessPolicy;
  readonly signatures: readonly PolicySignature[];
}

const LABEL = 'hypermesh/witness-policy/1';
const MESH_ID_BYTES = 32;
const NAME_CHARS_MAX = 64;
// Validator sets change by ordered transactions, a few times a year.
export const POLICY_HISTORY_MAX: number = 256;
// Below the largest encoded object; with 20 validators 256 versions fit.
export const POLICY_HISTORY_BYTES_MAX: number = 16 * 1024 * 1024;

const policyCodec: Codec<WitnessPolicy> = struct({
  meshId: bytes(MESH_ID_BYTES),
  version: uint(),
  threshold: uint(VALIDATOR_COUNT_MAX),
  witnesses: list(struct({ name: text(NAME_CHARS_MAX), key: publicKeyCodecOf('ml-dsa-44') }), VALIDATOR_COUNT_MAX),
});

export const signedWitnessPolicyCodec: Codec<SignedWitnessPolicy> = struct({
  policy: policyCodec,
  signatures: list(struct({ name: text(NAME_CHARS_MAX), signature: signatureCodecOf('ml-dsa-44') }), VALIDATOR_COUNT_MAX),
});

const historyCodec: Codec<readonly SignedWitnessPolicy[]> = list(signedWitnessPolicyCodec, POLICY_HISTORY_MAX);

/** Signatures that decide among `count` members of which floor((count - 1) / 3) may be faulty. */
export function quorumOf(count: number): number {
  return count - Math.floor((count - 1) / 3);
}

/** Version 0: the validators of genesis, who cosign nothing yet but sign version 1. */
export function genesisPolicy(genesis: Genesis): WitnessPolicy {
  return {
    meshId: meshIdOf(genesis),
    version: 0,
    threshold: quorumOf(genesis.validators.length),
    witnesses: genesis.validators.map(({ name, witnessKey }) => ({ name, key: witnessKey })),
  };
}

export function encodeWitnessPolicy(policy: WitnessPolicy): Uint8Array {
  return encode(policyCodec, policy);
}

/** Throws `trustchain.witness_policy_malformed`. */
export function decodeWitnessPolicy(encoded: Uint8Array): WitnessPolicy {
  return decodeAs(policyCodec, encoded, POLICY_HISTORY_BYTES_MAX, 'trustchain.witness_policy_malformed');
}

/** Versions 1 and on, in order: what a verifier needs to get from genesis to the newest. */
export function encodePolicyHistory(history: readonly SignedWitnessPolicy[]): Uint8Array {
  return encode(historyCodec, history);
}

/** Throws `trustchain.witness_policy_malformed`. Verifies nothing. */
export function decodePolicyHistory(encoded: Uint8Array): readonly SignedWitnessPolicy[] {
  return decodeAs(historyCodec, encoded, POLICY_HISTORY_BYTES_MAX, 'trustchain.witness_policy_malformed');
}

/** A witness of the version before signs the next one. */
export async function signWitnessPolicy(policy: WitnessPolicy, name: string, signer: Signer<'ml-dsa-44'>): Promise<PolicySignature> {
  return { name, signature: await signer.sign(labelled(LABEL, encodeWitnessPolicy(policy))) };
}

/** Whether the signature is that of the witness of `previous` whose name it carries. */
export function verifyPolicySignature(policy: WitnessPolicy, signed: PolicySignature, previous: WitnessPolicy, crypto: Crypto): boolean {
  const witness = previous.witnesses.find(({ name }) => name === signed.name);
  return witness !== undefined && crypto.verify(witness.key, labelled(LABEL, encodeWitnessPolicy(policy)), signed.signature);
}

/** Throws `trustchain.mesh_mismatch`, `trustchain.witness_policy_refused` or `trustchain.witness_quorum_missing`. */
export function assertSuccessor({ policy, signatures }: SignedWitnessPolicy, previous: WitnessPolicy, crypto: Crypto): void {
  assertPolicy(policy, previous);
  const signers = new Set(signatures.filter((signed) => verifyPolicySignature(policy, signed, previous, crypto)).map(({ name }) => name));
  if (signers.size < previous.threshold) {
    throw trustError('trustchain.witness_quorum_missing', {
      version: policy.version,
      signers: signers.size,
      threshold: previous.threshold,
    });
  }
}

/** What the codec cannot say. Throws `trustchain.mesh_mismatch` or `trustchain.witness_policy_refused`. */
export function assertPolicy(policy: WitnessPolicy, previous: WitnessPolicy): void {
  const { version, threshold, witnesses } = policy;
  const refuse = (reason: string): never => {
    throw trustError('trustchain.witness_policy_refused', { version, held: previous.version, reason });
  };
  if (!equalBytes(policy.meshId, previous.meshId)) throw trustError('trustchain.mesh_mismatch', { object: 'witness policy' });
  if (version !== previous.version + 1) refuse('not the next version');
  if (witnesses.length === 0 || threshold < quorumOf(witnesses.length) || threshold > witnesses.length) refuse('threshold');
  // One witness under two names or keys must not count twice.
  if (new Set(witnesses.map(({ name }) => name)).size !== witnesses.length) refuse('two witnesses of one name');
  const keys = witnesses.map(({ key }) => Buffer.from(key.bytes).toString('base64'));
  if (new Set(keys).size !== keys.length) refuse('two witnesses of one key');
}
