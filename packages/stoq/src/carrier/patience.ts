import type { Timer } from '../clock.ts';

/** How long to wait for something that cannot be cancelled, and what to do with it when it comes too late. */
export interface Patience<T> {
  readonly signal?: AbortSignal | undefined;
  readonly deadline?: { readonly timer: Timer; readonly timeoutMs: number; readonly timedOut: () => Error };
  readonly discard: (late: T) => void;
}

/** The result of `opening`, or the signal's reason, or the deadline's error. */
export function awaitWithPatience<T>(opening: Promise<T>, { signal, deadline, discard }: Patience<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let settled = false;
    const settle = (act: () => void): void => {
      if (settled) return;
      settled = true;
      cancel?.();
      signal?.removeEventListener('abort', giveUp);
      act();
    };
    const giveUp = (): void => settle(() => reject(signal?.reason as Error));
    const cancel = deadline?.timer.after(deadline.timeoutMs, () => settle(() => reject(deadline.timedOut())));
    signal?.addEventListener('abort', giveUp, { once: true });
    opening.then(
      (result) => (settled ? discard(result) : settle(() => resolve(result))),
      (error: Error) => settle(() => reject(error)),
    );
  });
}
