import { readFile } from 'node:fs/promises';
import { type Crypto, equalBytes, replaceFile } from '@hypermesh/stoq';
import { type Certificate, parseCertificate } from '../certificate/certificate.ts';
import { trustError } from '../errors.ts';
import { type Genesis, type GenesisLogs, meshIdOf } from '../genesis/genesis.ts';
import { Turn } from '../log/turn.ts';
import {
  assertSuccessor,
  decodePolicyHistory,
  encodePolicyHistory,
  encodeWitnessPolicy,
  genesisPolicy,
  POLICY_HISTORY_BYTES_MAX,
  POLICY_HISTORY_MAX,
  type SignedWitnessPolicy,
  type WitnessPolicy,
} from '../witness/policy.ts';

/** What a verifier starts from: genesis, and the newest witness policy that it has seen. */
export interface Trust {
  readonly genesis: Genesis;
  readonly meshId: Uint8Array;
  readonly roots: readonly Certificate[];
  readonly logs: GenesisLogs;
  /** The newest policy. */
  policy(): WitnessPolicy;
  /** Policies from that version to the newest; version 0 is that of genesis. */
  policiesFrom(version: number): readonly WitnessPolicy[];
  /** Signed versions 1 and on, to hand to others. */
  history(): readonly SignedWitnessPolicy[];
  /**
   * Takes over newer versions, in order; durable before they count. Answers whether there was any. Throws
   * `trustchain.witness_policy_refused` for a gap or a contradiction, `trustchain.witness_quorum_missing`.
   */
  adopt(policies: readonly SignedWitnessPolicy[]): Promise<boolean>;
  /** Calls back after each newer version; returns the unsubscribe function. */
  onPolicy(listener: () => void): () => void;
}

export interface TrustComponents {
  readonly crypto: Crypto;
  /** File of the signed policies seen so far: without it a restart forgets them. */
  readonly policyPath?: string;
}

/** Throws `trustchain.genesis_malformed`, and what `adopt` throws for a file that does not follow from genesis. */
export async function createTrust(genesis: Genesis, { crypto, policyPath }: TrustComponents): Promise<Trust> {
  const meshId = meshIdOf(genesis);
  const policies: WitnessPolicy[] = [genesisPolicy(genesis)];
  const history: SignedWitnessPolicy[] = [];
  const listeners = new Set<() => void>();
  const turn = new Turn();

  const newest = (): WitnessPolicy => policies.at(-1) as WitnessPolicy;

  /** The part of `offered` that is new, verified; nothing is taken over yet. */
  const verifyNewer = (offered: readonly SignedWitnessPolicy[]): readonly SignedWitnessPolicy[] => {
    const newer: SignedWitnessPolicy[] = [];
    for (const signed of offered) {
      const { version } = signed.policy;
      const known = policies[version];
      if (known === undefined) {
        assertSuccessor(signed, newer.at(-1)?.policy ?? newest(), crypto);
        newer.push(signed);
      } else if (!equalBytes(encodeWitnessPolicy(known), encodeWitnessPolicy(signed.policy))) {
        throw trustError('trustchain.witness_policy_refused', { version, held: newest().version, reason: 'contradiction' });
      }
    }
    if (history.length + newer.length > POLICY_HISTORY_MAX) throw trustError('trustchain.unsupported', { versionMax: POLICY_HISTORY_MAX });
    return newer;
  };

  const take = (newer: readonly SignedWitnessPolicy[]): void => {
    history.push(...newer);
    policies.push(...newer.map(({ policy }) => policy));
  };

  if (policyPath !== undefined) take(verifyNewer(await readHistory(policyPath)));

  return {
    genesis,
    meshId,
    roots: genesis.roots.map(parseCertificate),
    logs: genesis.logs,
    policy: newest,
    policiesFrom: (version) => policies.slice(version),
    history: () => [...history],
    adopt: (offered) =>
      turn.run(async () => {
        const newer = verifyNewer(offered);
        if (newer.length === 0) return false;
        if (policyPath !== undefined) await replaceFile(policyPath, encodePolicyHistory([...history, ...newer]));
        take(newer);
        for (const listener of listeners) listener();
        return true;
      }),
    onPolicy(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

async function readHistory(path: string): Promise<readonly SignedWitnessPolicy[]> {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  if (bytes.length > POLICY_HISTORY_BYTES_MAX) throw trustError('trustchain.witness_policy_malformed', { reason: 'too large' });
  return decodePolicyHistory(bytes);
}
