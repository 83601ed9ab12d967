import type { Clock } from '@hypermesh/stoq';

/** Resolves after that time, or with the abort. Leaves nothing on a signal that outlives many pauses. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const ended = (): void => {
      cancel();
      signal.removeEventListener('abort', ended);
      resolve();
    };
    const cancel = clock.after(delayMs, ended);
    signal.addEventListener('abort', ended);
  });
}
