import type { Client, Clock, Crypto, Host, PeerTarget } from '@hypermesh/stoq';
import type { ValidatorEntry } from '../genesis/genesis.ts';
import type { CheckpointWitnesses } from '../log/commit.ts';
import { issuancePolicyContract, type IssuancePolicyMethods } from '../policy/contract.ts';
import { createTokenPolicy, type IssuancePolicy } from '../policy/policy.ts';
import { createQuorumPolicy, type PolicyMember } from '../policy/quorum-policy.ts';
import { encodeQuestion } from '../policy/question.ts';
import type { Trust } from '../verification/trust.ts';
import { witnessContract, type WitnessMethods } from '../witness/contract.ts';
import type { SignedWitnessPolicy, WitnessPolicy } from '../witness/policy.ts';
import { collectWitnessPolicy, createWitnessQuorum, type WitnessPeer } from '../witness/witness-quorum.ts';

/** The validators as trustchaind needs them: their cosignatures, their verdicts, their next policy. */
export interface Validators {
  /** Null while the witness policy demands no cosignature. */
  readonly witnesses: () => CheckpointWitnesses | null;
  /** The issuance policy of the present phase. */
  readonly policy: () => IssuancePolicy;
  /** The next witness policy once a quorum has signed it; null while there is none. */
  nextPolicy(options: { signal: AbortSignal }): Promise<SignedWitnessPolicy | null>;
  /** For a health check: that the last question to the validators found no quorum, or null. */
  problem(): string | null;
}

export interface ValidatorsComponents {
  readonly trust: Trust;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly host: Pick<Host, 'connect'>;
  /** Called each time that no quorum answered. */
  readonly onFailure: () => void;
}

interface Reached {
  readonly witness: Client<WitnessMethods>;
  readonly issuance: Client<IssuancePolicyMethods>;
}

export function createValidators({ trust, crypto, clock, host, onFailure }: ValidatorsComponents): Validators {
  const reached = new Map(trust.genesis.validators.map((entry) => [entry.name, reach(entry, host)]));
  const token = createTokenPolicy();
  let problem: string | null = null;

  const observed = async <T>(what: string, answer: Promise<T>): Promise<T> => {
    try {
      const answered = await answer;
      problem = null;
      return answered;
    } catch (error) {
      problem = `no quorum of validators gave ${what}`;
      onFailure();
      throw error;
    }
  };

  /** Of a policy, the witnesses that genesis says how to reach. */
  const peersOf = ({ witnesses }: WitnessPolicy): WitnessPeer[] =>
    witnesses.flatMap((witness) => {
      const client = reached.get(witness.name)?.witness;
      return client === undefined ? [] : [{ ...witness, client }];
    });

  const quorumPolicy = ({ witnesses, threshold }: WitnessPolicy): IssuancePolicy => {
    const members = witnesses.flatMap(({ name, key }): PolicyMember[] => {
      const client = reached.get(name)?.issuance;
      if (client === undefined) return [];
      return [{ name, key, ask: (question, options) => client.decide({ question: encodeQuestion(question) }, options) }];
    });
    const policy = createQuorumPolicy(members, threshold, crypto);
    return { decide: (question, options) => observed('a verdict', policy.decide(question, options)) };
  };

  const witnessQuorum = (policy: WitnessPolicy): CheckpointWitnesses => {
    const quorum = createWitnessQuorum(peersOf(policy), policy.threshold, { crypto, clock });
    return { cosign: (request, options) => observed('cosignatures', quorum.cosign(request, options)) };
  };

  const ofVersion = <T>(make: (policy: WitnessPolicy) => T): (() => T) => {
    let held: { readonly version: number; readonly made: T } | null = null;
    return () => {
      const policy = trust.policy();
      if (held?.version !== policy.version) held = { version: policy.version, made: make(policy) };
      return held.made;
    };
  };

  return {
    witnesses: ofVersion((policy) => (policy.version === 0 ? null : witnessQuorum(policy))),
    policy: ofVersion((policy) => (policy.version === 0 ? token : quorumPolicy(policy))),
    nextPolicy: ({ signal }) => collectWitnessPolicy(peersOf(trust.policy()), trust.policy(), { crypto, clock }, signal),
    problem: () => problem,
  };
}

function reach({ addresses, nodeId }: ValidatorEntry, host: Pick<Host, 'connect'>): Reached {
  const target: PeerTarget = { addresses, expect: 'set-entry', id: nodeId };
  return { witness: host.connect(witnessContract, target), issuance: host.connect(issuancePolicyContract, target) };
}
