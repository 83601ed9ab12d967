import { describe, expect, it } from 'vitest';
import { awaitWithPatience } from '../../src/carrier/patience.ts';

interface StepTimer {
  after(delayMs: number, callback: () => void): () => void;
  fire(): void;
  readonly waiting: number;
}

function stepTimer(): StepTimer {
  const callbacks = new Set<() => void>();
  return {
    after(_delayMs, callback) {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
    fire: () => callbacks.forEach((callback) => callback()),
    get waiting() {
      return callbacks.size;
    },
  };
}

describe('patience', () => {
  const late = new RangeError('too late');

  it('passes the result on and forgets its deadline', async () => {
    const timer = stepTimer();
    const controller = new AbortController();
    const deadline = { timer, timeoutMs: 5, timedOut: () => late };
    expect(await awaitWithPatience(Promise.resolve(7), { signal: controller.signal, deadline, discard: () => {} })).toBe(7);
    expect(timer.waiting).toBe(0);
    controller.abort();
  });

  it('passes a failure on', async () => {
    await expect(awaitWithPatience(Promise.reject(late), { discard: () => {} })).rejects.toBe(late);
  });

  it.each([
    ['its deadline', (timer: StepTimer, _controller: AbortController) => timer.fire(), late],
    ['its signal', (_timer: StepTimer, controller: AbortController) => controller.abort('enough'), 'enough'],
  ])('ends at %s and discards what comes later', async (_what, end, reason) => {
    const timer = stepTimer();
    const controller = new AbortController();
    const opening = Promise.withResolvers<string>();
    const discarded = Promise.withResolvers<string>();
    const waiting = awaitWithPatience(opening.promise, {
      signal: controller.signal,
      deadline: { timer, timeoutMs: 5, timedOut: () => late },
      discard: discarded.resolve,
    });
    end(timer, controller);
    await expect(waiting).rejects.toBe(reason);
    opening.resolve('connection');
    expect(await discarded.promise).toBe('connection');
  });
});
