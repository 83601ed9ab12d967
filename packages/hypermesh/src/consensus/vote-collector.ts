import type { Signature } from '@hypermesh/stoq';
import { byteKey } from './byte-key.ts';
import { bitmapOf, type QuorumCertificate } from './certificate.ts';
import { type Evidence, evidenceOf } from './evidence.ts';
import type { SignedVote } from './messages.ts';
import type { ValidatorSet } from './validator-set.ts';

export interface VoteOutcome {
  readonly qc: QuorumCertificate | null;
  readonly evidence: Evidence | null;
  /** Voters whose signatures do not verify. */
  readonly forgers: readonly number[];
}

/**
 * Votes of the rounds whose certificates this validator makes: one slot a voter and round. Signatures are verified when a
 * quorum is there, or when two votes of one slot differ.
 */
export class VoteCollector {
  readonly #validators: ValidatorSet;
  readonly #isValid: (vote: SignedVote) => boolean;
  readonly #rounds = new Map<number, RoundVotes>();

  constructor(validators: ValidatorSet, isValid: (vote: SignedVote) => boolean) {
    this.#validators = validators;
    this.#isValid = isValid;
  }

  add(vote: SignedVote): VoteOutcome {
    const { round, voter } = vote.vote;
    const votes = this.#rounds.get(round) ?? { slots: new Map<number, Slot>(), isCertified: false };
    this.#rounds.set(round, votes);
    const { slots } = votes;
    const held = slots.get(voter);
    if (held === undefined) {
      slots.set(voter, { vote, blockKey: byteKey(vote.vote.blockId), isVerified: false });
    } else if (held.blockKey !== byteKey(vote.vote.blockId)) {
      const evidence = this.#contradiction(slots, held, vote);
      if (evidence !== null) return { qc: null, evidence, forgers: [] };
    }
    if (votes.isCertified) return { qc: null, evidence: null, forgers: [] };
    const outcome = this.#certify(slots, byteKey(vote.vote.blockId));
    votes.isCertified = outcome.qc !== null;
    return outcome;
  }

  dropBelow(round: number): void {
    for (const known of this.#rounds.keys()) if (known < round) this.#rounds.delete(known);
  }

  /** Null when one of the two is forged; then the genuine one has the slot. */
  #contradiction(slots: Map<number, Slot>, held: Slot, vote: SignedVote): Evidence | null {
    const { meshId, epoch, round, voter, blockId } = vote.vote;
    if (!this.#isValid(vote)) return null;
    if (!held.isVerified && !this.#isValid(held.vote)) {
      slots.set(voter, { vote, blockKey: byteKey(blockId), isVerified: true });
      return null;
    }
    held.isVerified = true;
    const slot = { offence: 'double-vote', meshId, epoch, round, validator: voter } as const;
    const first = { blockId: held.vote.vote.blockId, signature: held.vote.signature };
    return evidenceOf(slot, first, { blockId, signature: vote.signature });
  }

  #certify(slots: Map<number, Slot>, blockKey: string): VoteOutcome {
    const forgers: number[] = [];
    const isForBlock = ([, slot]: [number, Slot]): boolean => slot.blockKey === blockKey;
    if ([...slots].filter(isForBlock).length >= this.#validators.quorum) {
      for (const [voter, slot] of slots) {
        if (slot.blockKey !== blockKey || slot.isVerified) continue;
        slot.isVerified = this.#isValid(slot.vote);
        if (slot.isVerified) continue;
        slots.delete(voter);
        forgers.push(voter);
      }
    }
    const votes = [...slots].filter(isForBlock).toSorted(([left], [right]) => left - right);
    if (votes.length < this.#validators.quorum) return { qc: null, evidence: null, forgers };
    return { qc: certificateOf(votes, this.#validators.size), evidence: null, forgers };
  }
}

interface RoundVotes {
  readonly slots: Map<number, Slot>;
  isCertified: boolean;
}

interface Slot {
  readonly vote: SignedVote;
  readonly blockKey: string;
  isVerified: boolean;
}

function certificateOf(votes: readonly [number, Slot][], size: number): QuorumCertificate {
  const [, first] = votes[0] as [number, Slot];
  const { round, blockId } = first.vote.vote;
  const bitmap = bitmapOf(
    votes.map(([voter]) => voter),
    size,
  );
  return { round, blockId, bitmap, signatures: votes.map(([, { vote }]): Signature => vote.signature) };
}
