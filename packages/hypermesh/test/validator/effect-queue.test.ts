import { describe, expect, test } from 'vitest';
import type { ConsensusEffect } from '../../src/consensus/events.ts';
import { EffectQueue } from '../../src/validator/effect-queue.ts';

const persist = (round: number): ConsensusEffect => ({ kind: 'persist', safety: { lastVotedRound: round } as never, block: null });
const timer = (round: number): ConsensusEffect => ({ kind: 'set-timer', round, delayMs: 1 });

function open(): {
  readonly queue: EffectQueue;
  readonly done: string[];
  readonly writes: Map<number, { resolve: () => void; reject: (error: Error) => void }>;
} {
  const done: string[] = [];
  const writes = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  const queue = new EffectQueue({
    persist: ({ safety }) => new Promise((resolve, reject) => void writes.set(safety.lastVotedRound, { resolve, reject })),
    perform: (effect) => void done.push(`${effect.kind}-${'round' in effect ? effect.round : ''}`),
    failed: (error) => void done.push((error as Error).message),
  });
  return { queue, done, writes };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('effects', () => {
  test('without anything to persist are performed at once', () => {
    const { queue, done } = open();
    queue.push([timer(1), timer(2)]);
    expect(done).toEqual(['set-timer-1', 'set-timer-2']);
  });

  test('wait for every write before them, which begin at once', async () => {
    const { queue, done, writes } = open();
    queue.push([timer(0), persist(1), timer(1)]);
    queue.push([persist(2), timer(2)]);
    expect([...writes.keys()]).toEqual([1, 2]);
    writes.get(2)!.resolve();
    await turn();
    expect(done).toEqual(['set-timer-0']);
    writes.get(1)!.resolve();
    await turn();
    expect(done).toEqual(['set-timer-0', 'set-timer-1', 'set-timer-2']);
  });

  test('are never performed after a write that failed', async () => {
    const { queue, done, writes } = open();
    queue.push([persist(1), timer(1)]);
    writes.get(1)!.reject(new Error('disk'));
    await turn();
    queue.push([timer(2)]);
    await turn();
    expect(done).toEqual(['disk']);
  });

  test('are never performed after one that failed', () => {
    const done: string[] = [];
    const queue = new EffectQueue({
      persist: async () => undefined,
      perform: (effect) => {
        if (effect.kind === 'stop-timer') throw new Error('program');
        done.push(effect.kind);
      },
      failed: (error) => void done.push((error as Error).message),
    });
    queue.push([timer(1), { kind: 'stop-timer' }, timer(2)]);
    queue.push([timer(3)]);
    expect(done).toEqual(['set-timer', 'program']);
  });

  test('are dropped by a close, without a failure', async () => {
    const { queue, done, writes } = open();
    queue.push([persist(1), timer(1)]);
    queue.close();
    writes.get(1)!.reject(new Error('closed'));
    await turn();
    expect(done).toEqual([]);
  });
});
