import type { Clock } from '../../src/index.ts';

export interface StepClock extends Clock {
  /** Lets time pass, calling back what falls due, in order. */
  step(ms: number): void;
  readonly waiting: number;
}

export function createStepClock(nowMs = 1_700_000_000_000): StepClock {
  const timers = new Set<{ at: number; callback: () => void }>();
  let time = 0;
  return {
    now: () => nowMs + time,
    monotonic: () => time,
    after(delayMs, callback) {
      const timer = { at: time + delayMs, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    get waiting() {
      return timers.size;
    },
    step(ms) {
      const until = time + ms;
      for (;;) {
        const due = [...timers].filter((timer) => timer.at <= until).toSorted((one, other) => one.at - other.at)[0];
        if (due === undefined) break;
        timers.delete(due);
        time = Math.max(time, due.at);
        due.callback();
      }
      time = until;
    },
  };
}
