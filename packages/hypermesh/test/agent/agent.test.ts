import { join } from 'node:path';
import { settle, SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { describe, expect, it } from 'vitest';
import { createAgent } from '../../src/agent/agent.ts';
import { bootClock, processStartTime } from '../../src/agent/boot-clock.ts';
import type { PackageSource } from '../../src/agent/desired.ts';
import { hypermeshError } from '../../src/errors.ts';
import type { RuntimeDriver } from '../../src/runtime/driver.ts';
import { createProcessDriver } from '../runtime/process-driver.ts';
import { altered, bench, bodyOf, FAR_MS, placement } from './agent-bench.ts';
import { codeOf } from '../mesh-machine/fixture.ts';

const isAlive = (pid: number): boolean => processStartTime(pid) !== undefined;

describe('the agent', () => {
  it('runs what is desired and stops what no longer is', async () => {
    const { agent, want, until, reports } = await bench();
    want(placement('a-1', { env: { GREETING: 'hello' } }), placement('a-2'));
    await Promise.all([until('a-1', 'ready'), until('a-2', 'ready')]);
    expect(await bodyOf(agent, 'a-1')).toBe('hello');
    const [pid] = agent.workload('a-1', 1).pids;
    expect(codeOf(() => agent.workload('a-1', 2))).toBe('hypermesh.lease_stale');
    expect(codeOf(() => agent.workload('a-9', 1))).toBe('hypermesh.workload_unknown');
    want(placement('a-2'));
    await until('a-1', 'stopped');
    expect(isAlive(pid!)).toBe(false);
    expect(agent.placements()).toMatchObject([{ id: 'a-2', phase: 'running' }]);
    expect(reports.filter(({ id }) => id === 'a-1').map(({ state }) => state)).toEqual(['starting', 'ready', 'stopped']);
  });

  it('starts a new run when the lease number changes, after the old one', async () => {
    const { agent, want, until, reports } = await bench();
    want(placement('a-1'));
    await until('a-1', 'ready');
    const [pid] = agent.workload('a-1', 1).pids;
    want(placement('a-1', { lease: 2 }));
    await until('a-1', 'ready', 2);
    expect(reports.map(({ state, lease }) => `${state} ${lease}`)).toEqual(['starting 1', 'ready 1', 'stopped 1', 'starting 2', 'ready 2']);
    expect(isAlive(pid!)).toBe(false);
    expect(await bodyOf(agent, 'a-1', 2)).toBe('ok');
  });

  it('restarts what ended by itself, later each time', async () => {
    const { agent, want, until, clock, reports } = await bench();
    want(placement('a-1'));
    await until('a-1', 'ready');
    process.kill(agent.workload('a-1', 1).pids[0]!, 'SIGKILL');
    expect(await until('a-1', 'failed')).toMatchObject({ reason: 'exit' });
    expect(codeOf(() => agent.workload('a-1', 1))).toBe('hypermesh.workload_unknown');
    await clock.stepAndSettle(500);
    expect(reports.at(-1)?.state).toBe('failed');
    await clock.stepAndSettle(500);
    await until('a-1', 'ready');
    await clock.stepAndSettle(60_000);
    process.kill(agent.workload('a-1', 1).pids[0]!, 'SIGKILL');
    await until('a-1', 'failed');
    expect(agent.placements()).toMatchObject([{ failures: 1 }]);
  });

  it('counts failures in a row', async () => {
    const { agent, want, until, clock } = await bench();
    want(placement('a-1'));
    for (const failures of [1, 2, 3]) {
      await until('a-1', 'ready');
      process.kill(agent.workload('a-1', 1).pids[0]!, 'SIGKILL');
      await until('a-1', 'failed');
      expect(agent.placements()).toMatchObject([{ failures }]);
      await clock.stepAndSettle(8_000);
    }
  });

  it('does not begin the next run before a start that was called off is over', async () => {
    const inner = createProcessDriver();
    const overlaps: number[] = [];
    let starting = 0;
    let release: () => void = () => undefined;
    const slow: RuntimeDriver = {
      ...inner,
      async start(spec, options) {
        starting += 1;
        overlaps.push(starting);
        if (overlaps.length === 1) await new Promise<void>((resolve) => (release = resolve));
        try {
          return await inner.start(spec, { signal: AbortSignal.timeout(10_000) });
        } finally {
          starting -= 1;
          options.signal.throwIfAborted();
        }
      },
    };
    const { want, until, clock, agent } = await bench({ drivers: [slow] });
    want(placement('a-1'));
    await until('a-1', 'starting');
    while (overlaps.length === 0) await new Promise((resolve) => setImmediate(resolve));
    want();
    await settle();
    want(placement('a-1', { lease: 2 }));
    await clock.stepAndSettle(1_000);
    expect(agent.placements()).toMatchObject([{ lease: 1, phase: 'stopping' }]);
    release();
    await until('a-1', 'ready', 2);
    expect(overlaps).toEqual([1, 1]);
    expect(agent.placements()).toMatchObject([{ lease: 2, phase: 'running' }]);
  });

  it.each<[string, PackageSource['fetch'], string]>([
    ['a package that cannot be fetched', () => Promise.reject(hypermeshError('hypermesh.unsupported')), 'hypermesh.unsupported'],
    ['a kind without driver', async () => ({ directory: '/', kind: 'magic', entry: '' }), 'hypermesh.driver_unavailable'],
    ['a package that does not start', async () => ({ directory: '/', kind: 'program', entry: 'missing' }), 'hypermesh.workload_failed'],
  ])('reports %s', async (_, fetch, reason) => {
    const { want, until } = await bench({ packages: { fetch } });
    want(placement('a-1'));
    expect(await until('a-1', 'failed')).toMatchObject({ reason });
  });

  it('checks health: before it says ready, and as long as it runs', async () => {
    const { agent, want, until, clock } = await bench();
    const health = { path: '/', intervalMs: 1_000, timeoutMs: 2_000, failuresMax: 2 };
    want(placement('good', { health }), placement('bad', { health: { ...health, path: '/health' }, env: { FAILING: 'yes' } }));
    await until('good', 'ready');
    await stepUntil(clock, () => agent.placements().some(({ id, phase }) => id === 'bad' && phase === 'failed'));
    expect(await until('bad', 'failed')).toMatchObject({ reason: 'hypermesh.workload_unhealthy' });
    process.kill(agent.workload('good', 1).pids[0]!, 'SIGSTOP');
    await stepUntil(clock, () => agent.placements().some(({ id, phase }) => id === 'good' && phase !== 'running'));
    expect((await until('good', 'failed')).reason).toBe('hypermesh.workload_unhealthy');
  }, 30_000);

  it('stops everything with itself', async () => {
    const { agent, want, until } = await bench();
    want(placement('a-1'), placement('a-2', { exclusive: true }));
    await Promise.all([until('a-1', 'ready'), until('a-2', 'ready')]);
    const pids = ['a-1', 'a-2'].flatMap((id) => agent.workload(id, 1).pids);
    await agent.stop();
    expect(pids.some(isAlive)).toBe(false);
    want(placement('a-3'));
    expect(agent.placements()).toEqual([]);
  });
});

describe('what was left behind', () => {
  it('ends before the agent starts anything', async () => {
    const made = await bench();
    made.want(placement('a-1'));
    await made.until('a-1', 'ready');
    const [pid] = made.agent.workload('a-1', 1).pids;
    const next = createAgent({
      desired: { placements: () => [], closing: () => [], lease: () => null, onChange: () => () => undefined },
      packages: { fetch: () => Promise.reject(hypermeshError('hypermesh.unsupported')) },
      drivers: [createProcessDriver()],
      clock: made.clock,
      bootClock,
      report: () => undefined,
      stateDirectory: join(made.directory, 'state'),
    });
    await next.start();
    expect(isAlive(pid!)).toBe(false);
    await next.stop();
  });

  it('is confirmed to have stopped when the mesh waits for it, once', async () => {
    const made = await bench();
    made.want(placement('held'));
    await made.until('held', 'ready');
    made.closing = [
      { id: 'gone', lease: 1 },
      { id: 'held', lease: 1 },
    ];
    made.want(placement('held'));
    await made.clock.stepAndSettle(2_000);
    const stopped = (): string[] => made.reports.filter(({ state }) => state === 'stopped').map(({ id }) => id);
    expect(stopped()).toEqual(['gone']);
    made.want();
    await made.until('held', 'stopped');
    expect(stopped()).toEqual(['gone', 'held']);
  });
});

describe('exclusive workloads', () => {
  it('start only under a lease that holds for some time', async () => {
    const made = await bench();
    for (const lease of [null, { number: 2, deadline: bootClock() + FAR_MS }, { number: 1, deadline: bootClock() + 500 }]) {
      made.lease = lease;
      made.want(placement('a-1', { exclusive: true }));
      await settle();
      expect(made.agent.placements()).toEqual([]);
    }
    made.lease = { number: 1, deadline: bootClock() + FAR_MS };
    await made.clock.stepAndSettle(500);
    await made.until('a-1', 'ready');
  });

  it('end with their lease and live on with a renewed one', async () => {
    const made = await bench();
    made.lease = { number: 1, deadline: bootClock() + 3_000 };
    made.want(placement('kept', { exclusive: true }), placement('free'));
    await Promise.all([made.until('kept', 'ready'), made.until('free', 'ready')]);
    const renewed = bootClock() + 4_500;
    made.lease = { number: 1, deadline: renewed };
    await made.clock.stepAndSettle(500);
    made.lease = { number: 2, deadline: bootClock() + FAR_MS };
    await made.clock.stepAndSettle(500);
    await made.until('kept', 'failed');
    expect(made.agent.logs('kept', 1)).toEqual(['ended: the lease of the node ran out']);
    expect(bootClock()).toBeGreaterThanOrEqual(renewed);
    expect(await bodyOf(made.agent, 'free')).toBe('ok');
  }, 20_000);

  it('take renewals of their lease while they are not healthy yet', async () => {
    const probes: number[] = [];
    const made = await bench({
      drivers: [
        altered(async (start) => {
          const workload = await start();
          const handle = workload.handle.bind(workload);
          workload.handle = async (...exchange) => ({ ...(await handle(...exchange)), status: probes.push(bootClock()) > 1 ? 200 : 503 });
          return workload;
        }),
      ],
    });
    const first = bootClock() + 3_000;
    made.lease = { number: 1, deadline: first };
    made.want(placement('a-1', { exclusive: true, health: { path: '/', intervalMs: 10_000, timeoutMs: 2_000, failuresMax: 3 } }));
    await turnsUntil(() => probes.length === 1);
    made.lease = { number: 1, deadline: bootClock() + FAR_MS };
    await made.clock.stepAndSettle(500);
    await turnsUntil(() => bootClock() > first + 500);
    await made.clock.stepAndSettle(10_000);
    await made.until('a-1', 'ready');
    expect(made.reports.map(({ state }) => state)).toEqual(['starting', 'ready']);
  }, 20_000);

  it('are guarded before they answer', async () => {
    const pids: number[] = [];
    const made = await bench({
      drivers: [
        altered(async (start, { signal }) => {
          pids.push(...(await start()).pids);
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(hypermeshError('hypermesh.workload_failed'))));
        }),
      ],
    });
    const deadline = bootClock() + 3_000;
    made.lease = { number: 1, deadline };
    made.want(placement('a-1', { exclusive: true }));
    await turnsUntil(() => pids.length === 1);
    // Steps of the agent's clock would let it end the start itself.
    await turnsUntil(() => !isAlive(pids[0]!));
    expect(bootClock()).toBeGreaterThanOrEqual(deadline);
    await made.until('a-1', 'failed');
  }, 20_000);

  it('are not started beyond their lease', async () => {
    const clock = new SteppedClock();
    const made = await bench({
      clock,
      bootClock: () => clock.monotonic(),
      packages: {
        fetch: (_, signal) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(hypermeshError('hypermesh.workload_failed')))),
      },
    });
    made.lease = { number: 1, deadline: clock.monotonic() + 4_000 };
    made.want(placement('a-1', { exclusive: true }), placement('free'));
    await clock.stepAndSettle(3_900);
    expect(made.agent.placements()).toMatchObject([{ phase: 'starting' }, { phase: 'starting' }]);
    await clock.stepAndSettle(100);
    expect(made.agent.placements()).toMatchObject([{ phase: 'failed' }, { phase: 'starting' }]);
  });
});

async function turnsUntil(holds: () => boolean): Promise<void> {
  const deadline = AbortSignal.timeout(15_000);
  while (!holds()) {
    expect(deadline.aborted).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function stepUntil(clock: SteppedClock, holds: () => boolean): Promise<void> {
  const deadline = AbortSignal.timeout(20_000);
  while (!holds()) {
    expect(deadline.aborted).toBe(false);
    await clock.stepAndSettle(100);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
