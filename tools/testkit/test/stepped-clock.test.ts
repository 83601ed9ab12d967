import { describe, expect, test } from 'vitest';
import { SteppedClock } from '../src/stepped-clock.ts';

describe('a stepped clock', () => {
  test('calls back in order of time, those also that a callback sets, each at its own time', () => {
    const clock = new SteppedClock(1_000);
    const seen: string[] = [];
    const note = (name: string) => (): unknown => seen.push(`${name} at ${clock.monotonic()}`);
    clock.after(30, note('third'));
    clock.after(10, () => {
      note('first')();
      clock.after(10, note('second'));
    });
    const cancel = clock.after(15, note('cancelled'));
    clock.after(51, note('later'));
    cancel();
    clock.step(50);
    expect(seen).toEqual(['first at 10', 'second at 20', 'third at 30']);
    expect([clock.now(), clock.monotonic(), clock.timers]).toEqual([1_050, 50, 1]);
  });

  test('lets promises settle between timers when it is asked to', async () => {
    const clock = new SteppedClock();
    const seen: number[] = [];
    const tick = (): Promise<void> => new Promise((resolve) => clock.after(10, resolve));
    const ticking = (async () => {
      for (let turn = 0; turn < 3; turn++) {
        await tick();
        seen.push(clock.monotonic());
      }
    })();
    await clock.stepAndSettle(30);
    await ticking;
    expect(seen).toEqual([10, 20, 30]);
  });
});
