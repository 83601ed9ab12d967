import type { Timer } from './clock.ts';

export type Attempt<T> = (signal: AbortSignal) => Promise<T>;

export interface RaceOptions<T> {
  readonly timer: Timer;
  /** What each attempt has before the next starts, unless it fails sooner. */
  readonly headStartMs: number;
  readonly signal: AbortSignal;
  /** Takes a result that came after the winner's. */
  readonly discard: (late: T) => void;
  /** Makes one error of those of all attempts. */
  readonly failure: (errors: readonly unknown[]) => unknown;
}

/** The first success of attempts that start one after the other (RFC 8305, section 5); the others are aborted. */
export function raceAttempts<T>(
  attempts: readonly Attempt<T>[],
  { timer, headStartMs, signal, discard, failure }: RaceOptions<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const attempting = new AbortController();
    const errors: unknown[] = [];
    let started = 0;
    let settled = false;
    let cancelNext = (): void => {};

    const settle = (act: () => void): void => {
      if (settled) return;
      settled = true;
      cancelNext();
      signal.removeEventListener('abort', giveUp);
      act();
      attempting.abort();
    };
    const giveUp = (): void => settle(() => reject(signal.reason as Error));
    const failed = (error: unknown): void => {
      errors.push(error);
      if (started < attempts.length) startNext();
      else if (errors.length === attempts.length) settle(() => reject(failure(errors) as Error));
    };
    const startNext = (): void => {
      cancelNext();
      const attempt = attempts[started];
      if (settled || attempt === undefined) return;
      started += 1;
      if (started < attempts.length) cancelNext = timer.after(headStartMs, startNext);
      attempt(attempting.signal).then((result) => (settled ? discard(result) : settle(() => resolve(result))), failed);
    };

    if (signal.aborted) return giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    if (attempts.length === 0) return settle(() => reject(failure([]) as Error));
    startNext();
  });
}
