import type { Clock } from '@hypermesh/stoq';

interface Waiting {
  readonly atMs: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is stepped. Its monotonic time begins at 0. */
export class SteppedClock implements Clock {
  readonly #startMs: number;
  #timeMs = 0;
  readonly #waiting = new Set<Waiting>();

  constructor(startMs = 1_700_000_000_000) {
    this.#startMs = startMs;
  }

  now(): number {
    return this.#startMs + this.#timeMs;
  }

  monotonic(): number {
    return this.#timeMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const waiting = { atMs: this.#timeMs + delayMs, callback };
    this.#waiting.add(waiting);
    return () => this.#waiting.delete(waiting);
  }

  /** Timers that wait. */
  get timers(): number {
    return this.#waiting.size;
  }

  /** Runs the timers that fall due, in order of time. */
  step(byMs: number): void {
    const untilMs = this.#timeMs + byMs;
    while (this.#runNext(untilMs)) continue;
    this.#timeMs = untilMs;
  }

  /** The same, and lets promises settle before each. */
  async stepAndSettle(byMs: number): Promise<void> {
    const untilMs = this.#timeMs + byMs;
    do await settle();
    while (this.#runNext(untilMs));
    this.#timeMs = untilMs;
  }

  #runNext(untilMs: number): boolean {
    const due = [...this.#waiting].filter(({ atMs }) => atMs <= untilMs).toSorted((one, other) => one.atMs - other.atMs)[0];
    if (due === undefined) return false;
    this.#waiting.delete(due);
    this.#timeMs = Math.max(this.#timeMs, due.atMs);
    due.callback();
    return true;
  }
}

/** Lets promises that are already settled call back. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
