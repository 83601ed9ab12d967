import type { QuorumCertificate, TimeoutCertificate } from './certificate.ts';

export interface PacemakerConfig {
  readonly faultyMax: number;
  readonly roundTimeoutMsBase: number;
  readonly roundTimeoutMsMax: number;
}

/** The round, what brought the validator into it, and how long to wait in it. */
export class Pacemaker {
  readonly #config: PacemakerConfig;
  #round = 1;
  #tc: TimeoutCertificate | null = null;
  #expiries = 0;

  constructor(config: PacemakerConfig) {
    this.#config = config;
  }

  get round(): number {
    return this.#round;
  }

  /** The time-out certificate that justifies this round, when the highest quorum certificate does not. */
  justification(highQc: QuorumCertificate): TimeoutCertificate | null {
    return highQc.round === this.#round - 1 ? null : this.#tc;
  }

  /** The timer of this round ran out. */
  expire(): void {
    this.#expiries++;
  }

  /** True when the round is new. */
  advance(certificate: QuorumCertificate | TimeoutCertificate): boolean {
    if (certificate.round < this.#round) return false;
    this.#round = certificate.round + 1;
    this.#tc = 'highQcRounds' in certificate ? certificate : null;
    this.#expiries = 0;
    return true;
  }

  /**
   * f faulty leaders in a row cost f + 1 rounds (the votes before the first are lost too) and are no sign of a slow network;
   * after that the time doubles.
   */
  timeoutMs(highQc: QuorumCertificate): number {
    const { faultyMax, roundTimeoutMsBase, roundTimeoutMsMax } = this.#config;
    const failedRounds = this.#round - 1 - highQc.round;
    const doublings = Math.max(0, failedRounds - faultyMax) + this.#expiries;
    return Math.min(roundTimeoutMsMax, roundTimeoutMsBase * 2 ** Math.min(doublings, DOUBLINGS_MAX));
  }
}

// 2^20 times any base is beyond any maximum; more would overflow in a mesh that is cut for days.
const DOUBLINGS_MAX = 20;
