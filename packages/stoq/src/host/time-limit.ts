import type { Timer } from '../clock.ts';

/** Whether the promise settled, either way, within the time. */
export function settledWithin(timer: Timer, timeMs: number, waiting: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = timer.after(timeMs, () => resolve(false));
    const settled = (): void => {
      cancel();
      resolve(true);
    };
    waiting.then(settled, settled);
  });
}
