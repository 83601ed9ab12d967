import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { pause } from '../src/pause.ts';
import { settle, SteppedClock } from './stepped-clock.ts';

describe('a pause', () => {
  test.each<[string, (clock: SteppedClock, abort: AbortController) => unknown]>([
    ['after its time', (clock) => clock.step(1_000)],
    ['with the abort', (_, abort) => abort.abort()],
  ])('ends %s and leaves no listener', async (_, end) => {
    const clock = new SteppedClock();
    const abort = new AbortController();
    let isOver = false;
    void pause(clock, 1_000, abort.signal).then(() => (isOver = true));
    await clock.step(999);
    expect([isOver, getEventListeners(abort.signal, 'abort').length]).toEqual([false, 1]);
    await end(clock, abort);
    await settle();
    expect([isOver, getEventListeners(abort.signal, 'abort').length]).toEqual([true, 0]);
  });

  test('does not begin once the signal has aborted', async () => {
    await expect(pause(new SteppedClock(), 1_000, AbortSignal.abort())).resolves.toBeUndefined();
  });
});
