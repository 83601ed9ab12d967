import { encode, hasCode } from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLeaseKeeper, deadlineOf, type LeaseKeeper } from '../../src/agent/lease-keeper.ts';
import { createDesiredState } from '../../src/agent/mesh-desired-state.ts';
import type { SubmitOperations } from '../../src/agent/mesh-source.ts';
import { hypermeshError } from '../../src/errors.ts';
import { leaseGrantCodec } from '../../src/mesh-machine/lease.ts';
import { appSpec, found, type Founded, World } from '../mesh-machine/fixture.ts';

let founded: Founded;
beforeAll(async () => {
  founded = await found();
});
afterAll(() => founded.crypto.close());

const LEASE_MS = 9_000;
const TICK_MS = LEASE_MS / 3;

interface Bench {
  readonly world: World;
  readonly keeper: LeaseKeeper;
  readonly clock: SteppedClock;
  readonly failures: unknown[];
  /** Boot times at which renewals were sent. */
  readonly sent: number[];
  submit: SubmitOperations;
}

/** Node 0 with a machine whose blocks follow the clock. */
function bench(): Bench {
  const world = new World(founded, { leaseMs: LEASE_MS });
  const clock = new SteppedClock(world.time + 1_000);
  world.block(0);
  world.describe(0);
  const failures: unknown[] = [];
  const sent: number[] = [];
  const made: Bench = {
    world,
    clock,
    failures,
    sent,
    async submit(operations) {
      world.block(clock.now() - world.time);
      return operations.map((operation) => world.apply(world.id(0), operation));
    },
    keeper: createLeaseKeeper({
      node: world.id(0),
      source: { state: () => world.state, onChange: () => () => undefined },
      submit(operations, signal) {
        sent.push(clock.monotonic());
        return made.submit(operations, signal);
      },
      clock,
      bootClock: () => clock.monotonic(),
      onFailure: (error) => failures.push(error),
    }),
  };
  return made;
}

describe('the lease keeper', () => {
  it('renews on the tick that all nodes share, under one number', async () => {
    const { world, keeper, clock, sent, failures } = bench();
    expect(keeper.lease()).toBeNull();
    keeper.start();
    await clock.stepAndSettle(30_000);
    const originMs = clock.now() - clock.monotonic();
    expect(sent.slice(1).every((at) => (originMs + at) % TICK_MS === 0)).toBe(true);
    expect(sent).toHaveLength(11);
    expect(failures).toEqual([]);
    expect(world.query('node', world.id(0))!.lease).toMatchObject({ number: 1, expired: false });
    expect(keeper.lease()).toEqual({ number: 1, deadline: deadlineOf(sent.at(-1)!, LEASE_MS) });
    await keeper.stop();
    await clock.stepAndSettle(30_000);
    expect(sent).toHaveLength(11);
  });

  it('counts the deadline from when the renewal was sent, less a margin', async () => {
    const made = bench();
    const { keeper, clock, world } = made;
    const order = made.submit;
    made.submit = async (operations, signal) => {
      await new Promise<void>((resolve) => clock.after(2_000, resolve));
      return order(operations, signal);
    };
    const sentAt = clock.monotonic();
    keeper.start();
    await clock.stepAndSettle(2_000);
    const { deadline } = keeper.lease()!;
    expect(deadline).toBe(deadlineOf(sentAt, LEASE_MS));
    expect(deadline).toBeLessThan(sentAt + LEASE_MS);
    expect(deadline).toBeLessThan(world.query('node', world.id(0))!.lease!.expiresAt - 1_999);
    const stopped = keeper.stop();
    await clock.stepAndSettle(2_000);
    await stopped;
  });

  it('loses the lease at its deadline when the mesh is out of reach, and says why', async () => {
    const made = bench();
    const { keeper, clock, failures } = made;
    keeper.start();
    await clock.stepAndSettle(100);
    const { deadline } = keeper.lease()!;
    made.submit = () => Promise.reject(hypermeshError('hypermesh.quorum_lost'));
    await clock.stepAndSettle(deadline - clock.monotonic() - 1);
    expect(keeper.lease()).toMatchObject({ number: 1 });
    await clock.stepAndSettle(1);
    expect(keeper.lease()).toBeNull();
    expect(failures.length).toBeGreaterThanOrEqual(2);
    expect(failures.every((error) => hasCode(error, 'hypermesh.quorum_lost'))).toBe(true);
    await keeper.stop();
  });

  it('asks once at a time, and waits until the node has described itself', async () => {
    const made = bench();
    const { keeper, clock, sent } = made;
    made.submit = () => new Promise(() => undefined);
    keeper.start();
    await clock.stepAndSettle(2 * TICK_MS);
    expect(sent).toHaveLength(1);
    const undescribed = bench();
    const bare = new World(founded, { leaseMs: LEASE_MS });
    const waiting = createLeaseKeeper({
      node: bare.id(0),
      source: { state: () => bare.state, onChange: () => () => undefined },
      submit: () => Promise.reject(hypermeshError('hypermesh.unsupported')),
      clock: undescribed.clock,
      bootClock: () => undescribed.clock.monotonic(),
      onFailure: (error) => undescribed.failures.push(error),
    });
    waiting.start();
    await undescribed.clock.stepAndSettle(10_000);
    expect(undescribed.failures).toEqual([]);
    await waiting.stop();
  });

  it('takes the next number after an expiry; what ran under the last is over at once', async () => {
    const made = bench();
    const { world, keeper, clock } = made;
    const renew = made.submit;
    keeper.start();
    await clock.stepAndSettle(100);
    // Somebody else saw the lease expire and the node renewed elsewhere in the log: agreed state is ahead of the keeper.
    made.submit = async () => [encode(leaseGrantCodec, { number: 1, expiresAt: 0 })];
    for (let left = 12_000; left > 0; left -= 3_000) {
      world.describe(1);
      world.block(3_000);
      world.renew(1);
    }
    world.renew(0);
    expect(world.query('node', world.id(0))!.lease!.number).toBe(2);
    expect(keeper.lease()).toBeNull();
    made.submit = renew;
    await clock.stepAndSettle(15_000);
    expect(keeper.lease()).toMatchObject({ number: 2 });
    await keeper.stop();
  });
});

describe('what is desired of a node', () => {
  it('is what agreed state has placed there under its lease, as specified for the generation', async () => {
    const world = await new World(founded).ready(1);
    const listeners: (() => void)[] = [];
    const lease = { number: 1, deadline: 5 };
    const desired = createDesiredState({
      node: world.id(0),
      source: {
        state: () => world.state,
        onChange(listener) {
          listeners.push(listener);
          return () => undefined;
        },
      },
      lease: () => lease,
    });
    expect(desired.placements()).toEqual([]);
    expect(desired.lease()).toBe(lease);
    desired.onChange(() => undefined);
    expect(listeners).toHaveLength(1);
    const env = [{ name: 'A', value: '1' }];
    world.deploy(appSpec({ env, args: ['old'] }));
    expect(desired.placements()).toEqual([
      {
        id: 'hello-1',
        lease: 1,
        app: 'hello',
        packageRoot: appSpec().package.root,
        manifest: appSpec().package.manifest,
        env: { A: '1' },
        args: ['old'],
        limits: { memoryBytesMax: 256 * 2 ** 20, pidsMax: 32, cpuMillis: 500, fuelPerRequest: 1_000_000n, requestMsMax: 1_000 },
        health: null,
        exclusive: false,
      },
    ]);
    world.deploy(appSpec({ args: ['new'], onPartition: 'stop' }));
    expect(desired.placements().map(({ id, args, exclusive }) => ({ id, args, exclusive }))).toEqual([
      { id: 'hello-1', args: ['old'], exclusive: false },
      { id: 'hello-2', args: ['new'], exclusive: true },
    ]);
  });

  it('leaves out what must stop, and everything of a lease that is over', async () => {
    const world = await new World(founded).ready(1);
    const desired = createDesiredState({
      node: world.id(0),
      source: { state: () => world.state, onChange: () => () => undefined },
      lease: () => null,
    });
    world.deploy(appSpec({ exclusive: true, onPartition: 'stop' }));
    expect(desired.placements()).toMatchObject([{ id: 'hello-1', exclusive: true }]);
    world.applyProven(world.id(3), { kind: 'app.remove', name: 'hello', proof: null });
    expect(world.query('placements', { app: null, node: world.id(0), after: '' })).toMatchObject([{ phase: 'closing' }]);
    expect(desired.placements()).toEqual([]);
    expect(desired.closing()).toMatchObject([{ id: 'hello-1', lease: 1 }]);
  });
});
