import type { Clock } from '@hypermesh/stoq';

/** A clock that stands still until it is stepped. */
export class SteppedClock implements Clock {
  #timeMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();

  now(): number {
    return 1_700_000_000_000 + this.#timeMs;
  }

  monotonic(): number {
    return this.#timeMs;
  }

  get timers(): number {
    return this.#timers.size;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#timeMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Runs the timers that fall due, in order of time. */
  step(byMs: number): void {
    const untilMs = this.#timeMs + byMs;
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#timeMs = due.atMs;
      due.callback();
    }
    this.#timeMs = untilMs;
  }
}
