import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppSpec } from '../../src/mesh-machine/app.ts';
import {
  APPS_PER_OWNER_MAX,
  EXAMINED_PER_BLOCK_MAX,
  PENDING_APPS_PER_BLOCK_MAX,
  PLACED_PER_BLOCK_MAX,
  PLACEMENTS_PER_OWNER_MAX,
  REPLICA_COUNT_MAX,
} from '../../src/mesh-machine/limits.ts';
import { allPlacements, type Placement } from '../../src/mesh-machine/placement.ts';
import { appSpec, codeOf, found, type Founded, GIB, World } from './fixture.ts';

let founded: Founded;
beforeAll(async () => {
  founded = await found();
});
afterAll(() => founded.crypto.close());

const CAPACITY = { cpuMillis: 32_000, memoryBytes: 64 * GIB, workloads: 1_000 };
const ASSETS = [
  { kind: 'cpu', name: 'cpu', quantity: 32, detail: '' },
  { kind: 'memory', name: 'memory', quantity: 64 * GIB, detail: '' },
] as const;

/** Four nodes with room for thousands of replicas. */
async function roomy(): Promise<World> {
  const world = await new World(founded, { operationPuzzleBits: 0 }).ready();
  for (let node = 0; node < world.nodes.length; node++) world.describe(node, { capacity: CAPACITY, assets: [...ASSETS] });
  return world;
}

const small = (name: string, replicas: number): AppSpec => appSpec({ name, replicas, resources: { cpuMillis: 1, memoryBytes: 2 ** 20 } });
const scale = (world: World, name: string, replicas: number): void => {
  world.applyProven(world.id(3), { kind: 'app.scale', name, replicas, proof: null });
};
const runningOf = (world: World, name: string): readonly Placement[] => world.query('app', name).placements;
const openedOf = (world: World): number => [...allPlacements(world.state)].length;

/** Looks until the block has no budget left. */
function exhaust(world: World, name: string, replicas: number): void {
  for (let examined = 0; examined < EXAMINED_PER_BLOCK_MAX; examined += replicas) scale(world, name, replicas);
}

describe('the budget of a block', () => {
  it('opens no more placements than it may, however often a replica count changes', async () => {
    const world = await roomy();
    world.deploy(small('busy', 0));
    for (let turn = 0; turn < 5; turn++) for (const replicas of [REPLICA_COUNT_MAX, 0]) scale(world, 'busy', replicas);
    expect(openedOf(world)).toBe(PLACED_PER_BLOCK_MAX);
    world.deploy(small('other', 1), world.id(2));
    expect(world.query('app', 'other')).toMatchObject({ app: { explanation: 'a later block goes on with it' }, placements: [] });
    world.block(500);
    expect(runningOf(world, 'other')).toHaveLength(1);
  });

  it('does not begin anew when a transaction is rejected', async () => {
    const world = await roomy();
    world.deploy(small('busy', 0));
    const mark = world.state.mark();
    scale(world, 'busy', REPLICA_COUNT_MAX);
    world.state.undoTo(mark);
    scale(world, 'busy', 1);
    expect(runningOf(world, 'busy')).toEqual([]);
    world.block(500);
    expect(runningOf(world, 'busy')).toHaveLength(1);
  });

  it('looks at no more placements than it may, and goes on in the next block', async () => {
    const world = await roomy();
    world.deploy(small('busy', PLACED_PER_BLOCK_MAX));
    world.block(500);
    exhaust(world, 'busy', PLACED_PER_BLOCK_MAX);
    scale(world, 'busy', 1);
    expect(runningOf(world, 'busy')).toHaveLength(PLACED_PER_BLOCK_MAX);
    // What no node can run is not looked for either: it waits, and says why later.
    world.deploy(appSpec({ name: 'large', resources: { cpuMillis: 1, memoryBytes: 65 * GIB } }));
    world.block(500);
    expect(runningOf(world, 'busy')).toHaveLength(1);
    expect(world.query('app', 'large').app.explanation).toBe('of 4 nodes: 4 too small');
  });

  it('looks at every node for a specification that none can run, and counts that although it is rejected', async () => {
    const world = await roomy();
    world.fund('large');
    const spec = appSpec({ name: 'large', resources: { cpuMillis: 1, memoryBytes: 65 * GIB } });
    const deploy = (): void => void world.applyProven(world.id(3), { kind: 'app.deploy', spec, proof: null });
    const looks = EXAMINED_PER_BLOCK_MAX / world.nodes.length;
    const codes = Array.from({ length: looks + 1 }, () => codeOf(deploy));
    expect(codes[0]).toBe('hypermesh.unschedulable');
    expect(codes.at(-1)).toBe('none');
  });

  it.each([2, PENDING_APPS_PER_BLOCK_MAX + 1])('gives each of %i pending apps its share', async (count) => {
    const world = await roomy();
    const names = Array.from({ length: count }, (_, at) => `app-${at}`);
    for (const name of names) world.deploy(small(name, REPLICA_COUNT_MAX));
    const before = openedOf(world);
    world.block(500);
    expect(openedOf(world) - before).toBe(PLACED_PER_BLOCK_MAX);
    world.block(500);
    for (const name of names) expect(runningOf(world, name).length).toBeGreaterThan(0);
  });

  it('leaves alone what a node reports again', async () => {
    const world = await roomy();
    world.deploy(small('busy', 1));
    const [{ id, node, lease }] = runningOf(world, 'busy') as [Placement];
    for (const state of ['starting', 'ready'] as const) {
      world.apply(node, { kind: 'placement.report', id, lease, state, reason: '' });
      const mark = world.state.mark();
      world.apply(node, { kind: 'placement.report', id, lease, state, reason: '' });
      expect(world.state.mark()).toBe(mark);
    }
  });
});

describe('the share of one owner', () => {
  it('is an eighth of the apps, until some are removed', async () => {
    const world = await roomy();
    for (let at = 0; at < APPS_PER_OWNER_MAX; at++) world.deploy(small(`app-${at}`, 0));
    expect(codeOf(() => world.deploy(small('more', 0)))).toBe('hypermesh.mesh_full');
    expect(codeOf(() => world.deploy(small('app-0', 1)))).toBe('none');
    expect(codeOf(() => world.deploy(small('more', 0), world.id(2)))).toBe('none');
    world.applyProven(world.id(3), { kind: 'app.remove', name: 'app-0', proof: null });
    expect(codeOf(() => world.deploy(small('again', 0)))).toBe('none');
  });

  it('is an eighth of the placements, closed ones that wait for their bill included', async () => {
    const world = await roomy();
    world.deploy(small('busy', REPLICA_COUNT_MAX));
    for (let block = 0; block < (2 * PLACEMENTS_PER_OWNER_MAX) / PLACED_PER_BLOCK_MAX; block++) {
      scale(world, 'busy', block % 2 === 0 ? 0 : REPLICA_COUNT_MAX);
      world.block(10);
    }
    scale(world, 'busy', REPLICA_COUNT_MAX);
    world.block(10);
    expect(openedOf(world)).toBe(PLACEMENTS_PER_OWNER_MAX);
    expect(world.query('app', 'busy').app.explanation).toBe('too many placements of its owner run or wait for their bill');
    world.deploy(small('other', 1), world.id(2));
    world.block(10);
    expect(runningOf(world, 'other')).toHaveLength(1);
  }, 60_000);
});
