import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasCode } from '@hypermesh/stoq';
import { hypermeshError } from '../../src/errors.ts';
import { ASSET_TRANSITIONS } from '../../src/mesh-machine/asset.ts';
import { leasedTime } from '../../src/mesh-machine/leased-time.ts';
import type { Capacity, Usage } from '../../src/mesh-machine/node.ts';
import { allPlacements, type Placement } from '../../src/mesh-machine/placement.ts';
import { appSpec, found, type Founded, GIB, World } from './fixture.ts';

let founded: Founded;
beforeAll(async () => {
  founded = await found();
});
afterAll(() => founded.crypto.close());

type Step = (world: World) => void | Promise<void>;

const node = fc.nat(3);
const app = fc.constantFrom('one', 'two', 'alone');

/** Whatever a node or an owner might order, at any time. */
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc
      .tuple(fc.integer({ min: 100, max: 4_000 }), fc.subarray([0, 1, 2, 3], { minLength: 2 }))
      .map(([ms, alive]): Step => (world) => {
        world.block(ms);
        for (const at of alive) world.renew(at);
      }),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(app, fc.nat(6), fc.integer({ min: 1, max: 1_000 }), fc.constantFrom('a', 'b'))
      .map(([name, replicas, cpuMillis, arg]): Step => (world) => {
        const alone = name === 'alone';
        const resources = { cpuMillis, memoryBytes: 256 * 2 ** 20 };
        const spec = { name, resources, args: [arg], exclusive: alone, onPartition: alone ? ('stop' as const) : ('keep' as const) };
        world.deploy(appSpec({ ...spec, replicas: alone ? Math.min(1, replicas) : replicas }));
      }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(app, fc.nat(8)).map(([name, replicas]): Step => (world) => {
      world.applyProven(world.id(3), { kind: 'app.scale', name, replicas, proof: null });
    }),
  },
  {
    weight: 1,
    arbitrary: app.map(
      (name): Step =>
        (world) =>
          void world.applyProven(world.id(3), { kind: 'app.remove', name, proof: null }),
    ),
  },
  {
    weight: 8,
    arbitrary: fc.tuple(fc.nat(40), fc.constantFrom('starting', 'ready', 'failed', 'stopped')).map(([at, state]): Step => (world) => {
      const open = [...allPlacements(world.state)].filter(({ phase }) => phase !== 'closed');
      const placement = open[at % Math.max(1, open.length)];
      if (placement === undefined) return;
      const { id, lease } = placement;
      world.apply(placement.node, { kind: 'placement.report', id, lease, state, reason: '' });
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(node, fc.integer({ min: 500, max: 2_000 })).map(
      ([at, cpuMillis]): Step =>
        (world) =>
          world.describe(at, { capacity: { cpuMillis, memoryBytes: 2 * GIB, workloads: 4 } }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(node, fc.boolean(), fc.boolean()).map(([at, cordoned, drain]): Step => (world) => {
      world.applyProven(world.id(at), { kind: 'node.cordon', node: world.id(at), cordoned, drain, proof: null });
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(node, fc.constantFrom('available', 'suspended', 'maintenance', 'failed'), fc.nat(2))
      .map(([at, to, which]): Step => (world) => {
        const asset = world.query('assets', world.id(at))[which]!;
        world.applyProven(world.id(at), { kind: 'asset.transition', asset: asset.id, to, proof: null });
      }),
  },
  {
    weight: 2,
    arbitrary: node.map(
      (at): Step =>
        (world) =>
          world.prove(at),
    ),
  },
  {
    weight: 1,
    arbitrary: app.map(
      (name): Step =>
        (world) =>
          void world.escrow.set(name, 0n),
    ),
  },
);

interface Seen {
  readonly leases: Map<string, number>;
}

function check(world: World, seen: Seen): void {
  for (const name of ['one', 'two', 'alone']) checkLeased(world, name);
  const open = [...allPlacements(world.state)].filter(({ phase }) => phase !== 'closed');
  expect(open.filter(({ app: name }) => name === 'alone').length).toBeLessThanOrEqual(1);
  for (const { node: described, lease, usage } of world.query('nodes', 0)) {
    const here = open.filter((placement) => Buffer.compare(placement.node, described.id) === 0);
    checkUsage(here, usage, described.capacity);
    for (const placement of here) expect(lease).toMatchObject({ number: placement.lease, expired: false });
    const key = Buffer.from(described.id).toString('hex');
    expect(lease?.number ?? 0).toBeGreaterThanOrEqual(seen.leases.get(key) ?? 0);
    if (lease !== null) seen.leases.set(key, lease.number);
    checkAssets(world, described.id, here);
  }
}

function checkLeased(world: World, name: string): void {
  const lessee = { app: name, appOwner: world.id(3) };
  const here = [...allPlacements(world.state)].filter((placement) => placement.app === name);
  const sum = (of: (placement: Placement) => number): bigint =>
    here.reduce((total, placement) => total + BigInt(of(placement) * ((placement.closedAt ?? world.time) - placement.openedAt)), 0n);
  expect(leasedTime(world.state, lessee, world.time)).toMatchObject({
    cpuMillisMs: sum(({ cpuMillis }) => cpuMillis),
    memoryByteMs: sum(({ memoryBytes }) => memoryBytes),
  });
}

function checkUsage(here: readonly Placement[], usage: Usage, capacity: Capacity): void {
  const sum = (of: (placement: Placement) => number): number => here.reduce((total, placement) => total + of(placement), 0);
  expect(usage).toEqual({
    cpuMillis: sum(({ cpuMillis }) => cpuMillis),
    memoryBytes: sum(({ memoryBytes }) => memoryBytes),
    workloads: here.length,
    ready: here.filter(({ phase }) => phase === 'ready').length,
  });
  // Only an exclusive replica that has to stop may still hold what a smaller description no longer offers.
  if (here.some(({ phase }) => phase === 'closing')) return;
  for (const name of ['cpuMillis', 'memoryBytes', 'workloads'] as const) expect(usage[name]).toBeLessThanOrEqual(capacity[name]);
}

function checkAssets(world: World, id: Uint8Array, here: readonly Placement[]): void {
  for (const asset of world.query('assets', id)) {
    expect(Object.keys(ASSET_TRANSITIONS)).toContain(asset.state);
    if (asset.kind === 'storage' || !['available', 'allocated', 'in-use'].includes(asset.state)) continue;
    const used = here.length === 0 ? 'available' : here.some(({ phase }) => phase === 'ready') ? 'in-use' : 'allocated';
    expect(asset.state).toBe(used);
  }
}

describe('whatever is ordered', () => {
  it('never exceeds capacity, doubles an exclusive app, reuses a lease or leaves the table of states', async () => {
    const run = fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }), async (steps) => {
        const world = await new World(founded, { operationPuzzleBits: 0, exclusiveMarginMs: 2_000 }).ready();
        world.deploy(appSpec({ name: 'alone', exclusive: true, onPartition: 'stop' }));
        world.deploy(appSpec({ name: 'one', replicas: 3 }));
        const seen: Seen = { leases: new Map() };
        for (const next of steps) {
          try {
            await next(world);
          } catch (error) {
            // A refusal is an answer; anything else is a mistake of the machine.
            if (!Object.keys(hypermeshError.catalogue).some((code) => hasCode(error, code))) throw error;
          }
          check(world, seen);
        }
      }),
      { numRuns: 40 },
    );
    await expect(run).resolves.toBeUndefined();
  }, 60_000);
});
