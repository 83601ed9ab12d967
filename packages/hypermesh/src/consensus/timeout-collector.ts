import { bitmapOf, type TimeoutCertificate } from './certificate.ts';
import type { SignedTimeout } from './messages.ts';
import type { ValidatorSet } from './validator-set.ts';

/** Verified time-outs of the current round. */
export class TimeoutCollector {
  readonly #validators: ValidatorSet;
  readonly #timeouts = new Map<number, SignedTimeout>();

  constructor(validators: ValidatorSet) {
    this.#validators = validators;
  }

  get count(): number {
    return this.#timeouts.size;
  }

  /** The first of each voter counts. */
  add(timeout: SignedTimeout): void {
    if (!this.#timeouts.has(timeout.voter)) this.#timeouts.set(timeout.voter, timeout);
  }

  certificate(): TimeoutCertificate | null {
    if (this.#timeouts.size < this.#validators.quorum) return null;
    const timeouts = [...this.#timeouts.values()].toSorted((left, right) => left.voter - right.voter);
    return {
      round: (timeouts[0] as SignedTimeout).round,
      bitmap: bitmapOf(
        timeouts.map(({ voter }) => voter),
        this.#validators.size,
      ),
      highQcRounds: timeouts.map(({ highQc }) => highQc.round),
      signatures: timeouts.map(({ signature }) => signature),
    };
  }

  missing(): number[] {
    return Array.from({ length: this.#validators.size }, (_, index) => index).filter((index) => !this.#timeouts.has(index));
  }

  clear(): void {
    this.#timeouts.clear();
  }
}
