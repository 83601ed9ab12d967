import { getEventListeners } from 'node:events';
import { pause } from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { describe, expect, test } from 'vitest';

describe('a pause', () => {
  test.each<[string, (clock: SteppedClock, abort: AbortController) => void]>([
    ['after its time', (clock) => clock.step(1)],
    ['with the abort', (_, abort) => abort.abort()],
  ])('ends %s and leaves neither a listener nor a timer', async (_, end) => {
    const clock = new SteppedClock();
    const abort = new AbortController();
    let isOver = false;
    const over = pause(clock, 1_000, abort.signal).then(() => (isOver = true));
    clock.step(999);
    await Promise.resolve();
    expect([isOver, getEventListeners(abort.signal, 'abort').length, clock.timers]).toEqual([false, 1, 1]);
    end(clock, abort);
    await over;
    expect([isOver, getEventListeners(abort.signal, 'abort').length, clock.timers]).toEqual([true, 0, 0]);
  });

  test('does not begin once the signal has aborted', async () => {
    const clock = new SteppedClock();
    await pause(clock, 1_000, AbortSignal.abort());
    expect(clock.timers).toBe(0);
  });
});
