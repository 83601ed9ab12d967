import { pause, systemEntropy } from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { retryDelay } from '../../src/client/retry.ts';
import { createRevocationFollower } from '../../src/client/revocation-follower.ts';

let clock: SteppedClock;
let ending: AbortController;

beforeEach(() => {
  clock = new SteppedClock();
  ending = new AbortController();
});
afterEach(() => ending.abort());

describe('the delay before a retry', () => {
  test('doubles with each failure up to its limit, and is spread', () => {
    const delays = { minMs: 100, maxMs: 1_000 };
    const low = { bytes: () => Uint8Array.of(0) };
    const high = { bytes: () => Uint8Array.of(255) };
    expect([0, 1, 2, 3, 4, 99].map((failures) => retryDelay(failures, delays, low))).toEqual([50, 100, 200, 400, 500, 500]);
    expect(retryDelay(99, delays, high)).toBeLessThan(1_000);
    expect(retryDelay(99, delays, high)).toBeGreaterThan(990);
  });
});

describe('a revocation follower', () => {
  test('asks from where it is, and begins anew after an end and a failure', async () => {
    let size = 0;
    const asked: number[] = [];
    const errors: unknown[] = [];
    const state = {
      find: () => null,
      nextUpdate: () => null,
      size: () => size,
      thisUpdate: () => null,
      snapshot: () => null,
      onChange: () => () => undefined,
      async apply(update: Uint8Array) {
        size += update.length;
        return true;
      },
    };
    const follower = createRevocationFollower({
      client: {
        async *'revocation.watch'({ from }, options) {
          asked.push(from);
          if (asked.length === 2) expect.unreachable('a server that fails');
          yield { update: new Uint8Array(2) };
          yield { update: new Uint8Array(1) };
          if (asked.length === 3) await pause(clock, 1_000_000, options?.signal as AbortSignal);
        },
      },
      state,
      clock,
      entropy: systemEntropy,
      onError: (error) => errors.push(error),
    });
    await follower.start();
    for (const round of [1, 2, 3]) {
      await vi.waitFor(() => {
        clock.step(20_000);
        expect(asked.length).toBeGreaterThanOrEqual(round);
      });
    }
    await vi.waitFor(() => expect(size).toBe(6));
    expect(asked).toEqual([0, 3, 3]);
    expect(errors).toHaveLength(1);
    await follower.stop();
  });
});
