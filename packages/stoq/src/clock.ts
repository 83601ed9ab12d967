export interface Timer {
  /** Calls back once after `delayMs`; the returned function cancels, and does nothing afterwards. */
  after(delayMs: number, callback: () => void): () => void;
}

/** Time as the code sees it; tests step it. */
export interface Clock extends Timer {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** Milliseconds that never go back, from an arbitrary origin. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const handle = setTimeout(callback, delayMs);
    return () => clearTimeout(handle);
  },
};

/** Resolves after `delayMs`, or with the abort; never rejects, and leaves nothing on a signal that outlives many pauses. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(delayMs, end);
    signal.addEventListener('abort', end);
  });
}
