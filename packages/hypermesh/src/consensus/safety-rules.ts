import type { QuorumCertificate, TimeoutCertificate } from './certificate.ts';
import type { SafetyState } from './safety-state.ts';

/** Keeps this validator from contradicting itself. Each change must be durable before what it allows is signed. */
export class SafetyRules {
  #state: SafetyState;

  constructor(state: SafetyState) {
    this.#state = state;
  }

  get state(): SafetyState {
    return this.#state;
  }

  mayVote(round: number): boolean {
    return round > this.#state.lastVotedRound;
  }

  mayPropose(round: number): boolean {
    return round > this.#state.lastProposedRound;
  }

  vote(round: number, highQc: QuorumCertificate, tc: TimeoutCertificate | null): SafetyState {
    this.#state = { ...this.#state, lastVotedRound: round, highQc, tc };
    return this.#state;
  }

  /** After a time-out no vote of the round or an earlier one follows; a vote before it stands. */
  giveUp(round: number, highQc: QuorumCertificate, tc: TimeoutCertificate | null): SafetyState {
    return this.vote(Math.max(round, this.#state.lastVotedRound), highQc, tc);
  }

  propose(round: number, highQc: QuorumCertificate, tc: TimeoutCertificate | null): SafetyState {
    this.#state = { ...this.#state, lastProposedRound: round, highQc, tc };
    return this.#state;
  }
}
