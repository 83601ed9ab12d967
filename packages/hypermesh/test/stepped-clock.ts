import type { Clock } from '@hypermesh/stoq';

interface Waiting {
  readonly atMs: number;
  readonly callback: () => void;
}

/** A clock that moves only when told to. */
export class SteppedClock implements Clock {
  #nowMs: number;
  readonly #waiting = new Set<Waiting>();

  constructor(nowMs: number = Date.UTC(2026, 0, 1)) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const waiting = { atMs: this.#nowMs + delayMs, callback };
    this.#waiting.add(waiting);
    return () => this.#waiting.delete(waiting);
  }

  /** Timers that fall due run in order of time; promises settle between them. */
  async step(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      await settle();
      const due = [...this.#waiting].filter(({ atMs }) => atMs <= untilMs).toSorted((one, other) => one.atMs - other.atMs)[0];
      if (due === undefined) break;
      this.#waiting.delete(due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.callback();
    }
    this.#nowMs = untilMs;
  }
}

/** Lets promises that are already settled call back. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
