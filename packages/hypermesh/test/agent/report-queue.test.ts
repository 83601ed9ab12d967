import { settle, SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { describe, expect, it } from 'vitest';
import type { PlacementReport } from '../../src/agent/desired.ts';
import { createReportQueue, type ReportQueue } from '../../src/agent/report-queue.ts';
import { hypermeshError } from '../../src/errors.ts';

const reportOf = (id: string, state: PlacementReport['state'] = 'ready', lease = 1): PlacementReport => ({ id, lease, state, reason: '' });

interface Bench {
  readonly queue: ReportQueue;
  readonly clock: SteppedClock;
  /** What each transaction held. */
  readonly sent: string[][];
  readonly refused: string[];
  answer: (ids: readonly string[]) => Promise<void>;
}

function bench(): Bench {
  const clock = new SteppedClock();
  const sent: string[][] = [];
  const refused: string[] = [];
  const made: Bench = {
    clock,
    sent,
    refused,
    answer: () => Promise.resolve(),
    queue: createReportQueue({
      async submit(operations) {
        const ids = operations.map((operation) =>
          operation.kind === 'placement.report' ? `${operation.id} ${operation.state}` : operation.kind,
        );
        sent.push(ids);
        await made.answer(ids);
        return operations.map(() => new Uint8Array());
      },
      clock,
      onRefused: ({ id }) => refused.push(id),
    }),
  };
  return made;
}

describe('the report queue', () => {
  it('sends what gathers while a transaction is under way as one, the newest state only', async () => {
    const made = bench();
    let ordered: () => void = () => undefined;
    made.answer = () => new Promise((resolve) => (ordered = resolve));
    made.queue.add(reportOf('a-1', 'starting'));
    await settle();
    made.queue.add(reportOf('a-1', 'ready'));
    made.queue.add(reportOf('a-2', 'starting'));
    made.queue.add(reportOf('a-2', 'failed'));
    made.answer = () => Promise.resolve();
    ordered();
    await settle();
    expect(made.sent).toEqual([['a-1 starting'], ['a-1 ready', 'a-2 failed']]);
    made.queue.add(reportOf('a-3'));
    await settle();
    expect(made.sent).toHaveLength(3);
  });

  it('tries again what the mesh could not order, later each time', async () => {
    const made = bench();
    made.answer = () => Promise.reject(hypermeshError('hypermesh.not_committed'));
    made.queue.add(reportOf('a-1'));
    await settle();
    expect(made.sent).toHaveLength(1);
    await made.clock.stepAndSettle(250);
    await made.clock.stepAndSettle(499);
    expect(made.sent).toHaveLength(2);
    made.answer = () => Promise.resolve();
    await made.clock.stepAndSettle(1);
    expect(made.sent).toHaveLength(3);
    await made.clock.stepAndSettle(60_000);
    expect(made.sent).toHaveLength(3);
    expect(made.refused).toEqual([]);
  });

  it('drops only what the mesh refuses for good', async () => {
    const made = bench();
    made.answer = async (ids) => {
      if (ids.includes('bad ready')) throw hypermeshError('hypermesh.lease_stale');
    };
    made.queue.add(reportOf('first'));
    made.queue.add(reportOf('bad'));
    made.queue.add(reportOf('good'));
    await settle();
    await settle();
    expect(made.refused).toEqual(['bad']);
    expect(made.sent.flat()).toContain('good ready');
    const count = made.sent.length;
    await made.clock.stepAndSettle(60_000);
    expect(made.sent).toHaveLength(count);
  });

  it('sends what waits before it stops, for a time', async () => {
    const made = bench();
    made.queue.add(reportOf('a-1', 'stopped'));
    await made.queue.stop({ graceMs: 1_000 });
    expect(made.sent).toEqual([['a-1 stopped']]);
    made.queue.add(reportOf('a-2'));
    await settle();
    expect(made.sent).toHaveLength(1);
    const stuck = bench();
    stuck.answer = () => Promise.reject(hypermeshError('hypermesh.not_committed'));
    stuck.queue.add(reportOf('a-1'));
    const stopped = stuck.queue.stop({ graceMs: 1_000 });
    await stuck.clock.stepAndSettle(1_000);
    await stopped;
    expect(stuck.sent.length).toBeGreaterThanOrEqual(2);
  });
});
