import { Prng } from '@hypermesh/testkit';
import { EventQueue } from './event-queue.ts';

/** Simulated time, its randomness and its trace. */
export class Simulation {
  readonly prng: Prng;
  readonly #queue = new EventQueue();
  readonly #trace: string[] | null;
  #nowMs = 0;
  #violation: string | null = null;

  constructor(seed: number, isTraced: boolean) {
    this.prng = new Prng(seed + SEED_OFFSET);
    this.#trace = isTraced ? [] : null;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get violation(): string | null {
    return this.#violation;
  }

  get trace(): readonly string[] {
    return this.#trace ?? [];
  }

  after(delayMs: number, action: () => void): void {
    this.#queue.add(this.#nowMs + delayMs, action);
  }

  /** The words are built only when somebody reads them. */
  note(words: () => string): void {
    this.#trace?.push(`${this.#nowMs.toFixed(1).padStart(9)} ${words()}`);
  }

  /** Ends the run: the first violation counts. */
  violate(words: string): void {
    if (this.#violation !== null) return;
    this.note(() => `VIOLATION ${words}`);
    this.#violation = words;
  }

  /** Runs until the time, a violation, or until nothing is left to happen. */
  runUntil(atMs: number): void {
    let isReached = false;
    this.#queue.add(atMs, () => (isReached = true));
    while (!isReached && this.#violation === null) {
      const entry = this.#queue.next();
      if (entry === undefined) return;
      this.#nowMs = entry.atMs;
      entry.action();
    }
  }
}

// The schedule of the same seed draws from another sequence.
const SEED_OFFSET = 0x5eed_0000_0000;
