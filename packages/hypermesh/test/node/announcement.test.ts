import { settle, SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { describe, expect, test } from 'vitest';
import { hypermeshError } from '../../src/errors.ts';
import type { MeshOperation } from '../../src/mesh-machine/operation.ts';
import { createAnnouncement } from '../../src/node/announcement.ts';

const OPERATION: MeshOperation = { kind: 'lease.renew', lease: null };

function announcing(failures: number) {
  const clock = new SteppedClock();
  const log: string[] = [];
  const announcement = createAnnouncement({
    describe: async () => OPERATION,
    async submit(operations, signal) {
      signal.throwIfAborted();
      log.push(operations.map(({ kind }) => kind).join());
      if (log.length <= failures) throw hypermeshError('hypermesh.quorum_lost');
      return [];
    },
    clock,
    onFailure: (error) => log.push((error as Error).name),
  });
  return { announcement, clock, log };
}

describe('an announcement', () => {
  test('is made once', async () => {
    const { announcement, log } = announcing(0);
    expect(announcement.isDone()).toBe(false);
    announcement.start();
    announcement.start();
    await settle();
    expect([announcement.isDone(), log]).toEqual([true, ['lease.renew']]);
    await announcement.stop();
  });

  test('is repeated, ever later, until it is ordered', async () => {
    const { announcement, clock, log } = announcing(3);
    announcement.start();
    await clock.stepAndSettle(249);
    expect(log).toEqual(['lease.renew', 'hypermesh.quorum_lost']);
    await clock.stepAndSettle(1);
    expect(log).toHaveLength(4);
    await clock.stepAndSettle(10_000);
    expect([announcement.isDone(), log.at(-1)]).toEqual([true, 'lease.renew']);
  });

  test('ends while it waits', async () => {
    const { announcement, clock, log } = announcing(Infinity);
    announcement.start();
    await settle();
    await announcement.stop();
    const before = log.length;
    await clock.stepAndSettle(60_000);
    expect([log.length, announcement.isDone()]).toEqual([before, false]);
  });
});
