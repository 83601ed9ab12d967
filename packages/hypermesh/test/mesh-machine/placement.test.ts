import { decode } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppSpec } from '../../src/mesh-machine/app.ts';
import {
  CLOSED_KEPT_MS,
  FUNDS_AHEAD_MS,
  FUNDS_CHECK_BLOCKS,
  PLACEMENT_FAILURES_MAX,
  STABLE_MS_MIN,
} from '../../src/mesh-machine/limits.ts';
import { leasedTime } from '../../src/mesh-machine/leased-time.ts';
import { deployResultCodec, type MeshOperation } from '../../src/mesh-machine/operation.ts';
import type { Placement } from '../../src/mesh-machine/placement.ts';
import { placementView } from '../../src/mesh-machine/views.ts';
import { appSpec, codeOf, found, type Founded, GIB, World } from './fixture.ts';

let founded: Founded;
beforeAll(async () => {
  founded = await found();
});
afterAll(() => founded.crypto.close());

const ready = (nodeCount = 4): Promise<World> => new World(founded, { exclusiveMarginMs: 4_000 }).ready(nodeCount);
const placementsOf = (world: World, app = 'hello'): readonly Placement[] => world.query('app', app).placements;
const nodesOf = (world: World, app = 'hello'): number[] =>
  placementsOf(world, app)
    .map(({ node }) => world.nodes.findIndex(({ id }) => Buffer.compare(id, node) === 0))
    .sort((one, other) => one - other);
const report = (
  world: World,
  placement: Placement,
  state: 'starting' | 'ready' | 'failed' | 'stopped',
  changes: Partial<Extract<MeshOperation, { kind: 'placement.report' }>> = {},
): void => {
  world.apply(placement.node, { kind: 'placement.report', id: placement.id, lease: placement.lease, state, reason: '', ...changes });
};

describe('placement', () => {
  it('spreads replicas, then takes the node with the most room', async () => {
    const world = await ready();
    world.describe(2, { capacity: { cpuMillis: 1_900, memoryBytes: 2 * GIB, workloads: 10 } });
    world.deploy(appSpec({ replicas: 3 }));
    expect(nodesOf(world)).toEqual([0, 1, 3]);
    world.applyProven(world.id(3), { kind: 'app.scale', name: 'hello', replicas: 8, proof: null });
    expect(nodesOf(world)).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  });

  it('gives each replica to the log with node, lease, provider and resources', async () => {
    const world = await ready();
    world.deploy(appSpec());
    const [placement] = placementsOf(world);
    expect(placement).toMatchObject({
      id: 'hello-1',
      app: 'hello',
      appOwner: world.id(3),
      lease: 1,
      phase: 'assigned',
      cpuMillis: 500,
      openedAt: world.time,
      closedAt: null,
    });
    expect([...placementView(world.state).placements('')]).toEqual([placement]);
    expect(placementView(world.state).placement('hello-1')?.provider).toEqual(placement?.node);
    expect(placementView(world.state).ingress(world.id(1))?.key).toEqual(founded.validators[1]?.key);
    expect(placementView(world.state).ingress(new Uint8Array(32))).toBeUndefined();
  });

  it.each<[string, Partial<AppSpec>, string]>([
    ['a package no node runs', { package: { ...appSpec().package, kind: 'container' } }, 'hypermesh.unschedulable'],
    ['more memory than any node has', { resources: { cpuMillis: 1, memoryBytes: 3 * GIB } }, 'hypermesh.unschedulable'],
    ['exclusive and keep', { exclusive: true }, 'hypermesh.app_invalid'],
    ['two exclusive instances', { exclusive: true, onPartition: 'stop', replicas: 2 }, 'hypermesh.app_invalid'],
    ['a name that is no DNS label', { name: 'Hello' }, 'hypermesh.app_invalid'],
    ['variables out of order', { env: ['B', 'A'].map((name) => ({ name, value: '' })) }, 'hypermesh.app_invalid'],
    ['a variable with a bad name', { env: [{ name: '1', value: '' }] }, 'hypermesh.app_invalid'],
    ['no cpu', { resources: { cpuMillis: 0, memoryBytes: GIB } }, 'hypermesh.app_invalid'],
    ['a relative health path', { health: { path: 'x', intervalMs: 100, timeoutMs: 100, failuresMax: 1 } }, 'hypermesh.app_invalid'],
    ['a health check without end', { health: { path: '/', intervalMs: 0, timeoutMs: 100, failuresMax: 1 } }, 'hypermesh.app_invalid'],
  ])('refuses %s', async (_, changes, code) => {
    const world = await ready();
    expect(codeOf(() => world.deploy(appSpec(changes)))).toBe(code);
    expect(world.query('apps', '')).toEqual([]);
  });

  it('explains what waits and places it when there is room', async () => {
    const world = await ready(2);
    world.fund('hello');
    const spec = appSpec({ replicas: 4, resources: { cpuMillis: 2_000, memoryBytes: GIB } });
    const deploy = world.proven(world.id(3), { kind: 'app.deploy', spec, proof: null });
    expect(decode(deployResultCodec, world.apply(world.id(3), deploy))).toEqual({ generation: 1 });
    expect(placementsOf(world)).toHaveLength(2);
    expect(world.query('app', 'hello').app.explanation).toBe('of 2 nodes: 2 full');
    world.describe(2);
    world.block(1_000);
    expect(world.query('app', 'hello').app.explanation).toBe('of 3 nodes: 1 without a lease, 2 full');
    world.renew(2);
    world.block(1_000);
    expect(world.query('app', 'hello').app.explanation).toBe('of 3 nodes: 1 without a recent proof of state, 2 full');
    await world.prove(2);
    world.block(1_000);
    expect(nodesOf(world)).toEqual([0, 1, 2]);
    world.applyProven(world.id(3), { kind: 'app.scale', name: 'hello', replicas: 3, proof: null });
    expect(world.query('app', 'hello').app.explanation).toBe('');
  });

  it('leaves the root alone while an app waits', async () => {
    const world = await ready(1);
    world.deploy(appSpec({ replicas: 9, resources: { cpuMillis: 1_000, memoryBytes: GIB } }));
    world.block(100);
    const mark = world.state.mark();
    world.block(100);
    expect(world.state.mark()).toBe(mark);
  });

  it('moves replicas when a lease ends and bills the dead node up to the end of its lease', async () => {
    const world = await ready();
    world.deploy(appSpec({ replicas: 4 }));
    world.allReady('hello');
    expect(world.query('endpoints', 'hello')).toHaveLength(4);
    const lost = placementsOf(world).find(({ node }) => Buffer.compare(node, world.id(1)) === 0)!;
    const expiresAt = world.query('node', world.id(1))!.lease!.expiresAt;
    world.run(12_000, [0, 2, 3]);
    expect(nodesOf(world)).not.toContain(1);
    expect(placementsOf(world)).toHaveLength(4);
    expect(placementView(world.state).placement(lost.id)).toMatchObject({ closedAt: expiresAt, phase: 'closed' });
    expect(world.query('endpoints', 'hello')).toHaveLength(3);
    expect(codeOf(() => world.renew(1, 1))).toBe('hypermesh.lease_stale');
    expect(world.renew(1).number).toBe(2);
  });

  it('closes and moves on drain, keeps on cordon', async () => {
    const world = await ready();
    world.deploy(appSpec({ replicas: 4 }));
    const cordon = (cordoned: boolean, drain: boolean): void => {
      world.applyProven(world.id(0), { kind: 'node.cordon', node: world.id(0), cordoned, drain, proof: null });
    };
    cordon(true, false);
    expect(nodesOf(world)).toEqual([0, 1, 2, 3]);
    cordon(true, true);
    expect(nodesOf(world)).toHaveLength(4);
    expect(nodesOf(world)).not.toContain(0);
    expect(world.query('node', world.id(0))).toMatchObject({ schedulable: false });
    cordon(false, false);
    expect(world.query('node', world.id(0))).toMatchObject({ schedulable: true });
    const foreign = world.proven(world.id(1), { kind: 'node.cordon', node: world.id(0), cordoned: true, drain: true, proof: null });
    expect(codeOf(() => world.apply(world.id(1), foreign))).toBe('hypermesh.not_authorised');
  });

  it('replaces replicas of an update as the new ones become ready', async () => {
    const world = await ready();
    world.deploy(appSpec({ replicas: 2 }));
    world.allReady('hello');
    world.deploy(appSpec({ replicas: 2, args: ['new'] }));
    expect(placementsOf(world).map(({ generation }) => generation)).toEqual([1, 1, 2, 2]);
    expect(world.query('endpoints', 'hello')).toHaveLength(2);
    report(world, placementsOf(world)[2]!, 'ready');
    expect(placementsOf(world).map(({ generation }) => generation)).toEqual([1, 2, 2]);
    report(world, placementsOf(world)[2]!, 'ready');
    expect(placementsOf(world).map(({ generation }) => generation)).toEqual([2, 2]);
    world.deploy(appSpec({ replicas: 2, args: ['new'] }));
    expect(world.query('app', 'hello').app.generation).toBe(2);
  });

  it('updates in place when there is no room for two generations', async () => {
    const world = await ready(1);
    const big = { replicas: 2, resources: { cpuMillis: 1_000, memoryBytes: GIB } };
    world.deploy(appSpec(big));
    world.allReady('hello');
    world.deploy(appSpec({ ...big, args: ['new'] }));
    for (let step = 0; step < 4; step++) {
      world.block(100);
      expect(world.query('endpoints', 'hello').length).toBeGreaterThanOrEqual(1);
      world.allReady('hello');
    }
    expect(placementsOf(world).map(({ generation, phase }) => [generation, phase])).toEqual([
      [2, 'ready'],
      [2, 'ready'],
    ]);
  });

  it('tries a replica elsewhere that keeps failing, and forgets failures after a stable run', async () => {
    const world = await ready();
    world.deploy(appSpec());
    const first = placementsOf(world)[0]!;
    for (let failure = 1; failure < PLACEMENT_FAILURES_MAX; failure++) report(world, first, 'failed', { reason: 'exit' });
    expect(placementsOf(world)[0]).toMatchObject({ id: first.id, phase: 'failed', failures: PLACEMENT_FAILURES_MAX - 1 });
    report(world, first, 'ready');
    world.run(STABLE_MS_MIN, [0, 1, 2, 3]);
    report(world, first, 'failed', { reason: 'exit' });
    expect(placementsOf(world)[0]).toMatchObject({ id: first.id, failures: 1 });
    for (let failure = 1; failure < PLACEMENT_FAILURES_MAX; failure++) report(world, first, 'failed');
    expect(placementsOf(world)[0]!.node).not.toEqual(first.node);
    expect(world.query('app', 'hello').app.avoided).toEqual([first.node]);
  });

  it('does not replace what must not be restarted', async () => {
    const world = await ready();
    world.deploy(appSpec({ replicas: 2, restart: 'never' }));
    report(world, placementsOf(world)[0]!, 'failed', { reason: 'exit' });
    world.block(1_000);
    expect(placementsOf(world)).toHaveLength(1);
    world.applyProven(world.id(3), { kind: 'app.scale', name: 'hello', replicas: 2, proof: null });
    expect(placementsOf(world)).toHaveLength(2);
  });

  it('believes reports only of the node, the lease and what is open', async () => {
    const world = await ready();
    world.deploy(appSpec());
    const placement = placementsOf(world)[0]!;
    const other = world.nodes.find(({ id }) => Buffer.compare(id, placement.node) !== 0)!.id;
    expect(codeOf(() => report(world, { ...placement, node: other }, 'ready'))).toBe('hypermesh.not_authorised');
    expect(codeOf(() => report(world, placement, 'ready', { lease: 2 }))).toBe('hypermesh.lease_stale');
    expect(codeOf(() => report(world, placement, 'ready', { id: 'hello-9' }))).toBe('hypermesh.placement_unknown');
    world.applyProven(world.id(3), { kind: 'app.remove', name: 'hello', proof: null });
    report(world, placement, 'ready');
    expect(placementView(world.state).placement(placement.id)).toMatchObject({ phase: 'closed', reason: 'removed' });
  });

  it('replaces a replica whose node has stopped it', async () => {
    const world = await ready();
    world.deploy(appSpec());
    const before = placementsOf(world)[0]!;
    report(world, before, 'starting');
    report(world, before, 'stopped');
    expect(placementsOf(world)).toHaveLength(1);
    expect(placementsOf(world)[0]!.id).not.toBe(before.id);
  });

  it('moves what a smaller description no longer holds', async () => {
    const world = await ready(2);
    world.deploy(appSpec({ replicas: 6 }));
    expect(nodesOf(world)).toEqual([0, 0, 0, 1, 1, 1]);
    world.describe(0, { capacity: { cpuMillis: 1_000, memoryBytes: 2 * GIB, workloads: 10 } });
    expect(nodesOf(world)).toEqual([0, 0, 1, 1, 1, 1]);
  });
});

describe('exclusive apps', () => {
  const exclusive = appSpec({ exclusive: true, onPartition: 'stop' });

  it('restart elsewhere only after the lease and the margin', async () => {
    const world = await ready();
    world.deploy(exclusive);
    const [before] = placementsOf(world);
    const others = [0, 1, 2, 3].filter((node) => Buffer.compare(world.id(node), before!.node) !== 0);
    const { expiresAt } = world.query('node', before!.node)!.lease!;
    let restarted = 0;
    while (restarted === 0 && world.time < expiresAt + 20_000) {
      world.run(500, others);
      restarted = placementsOf(world)[0]?.id === before!.id ? 0 : (placementsOf(world)[0]?.openedAt ?? 0);
    }
    expect(restarted - expiresAt).toBeGreaterThanOrEqual(4_000);
    expect(restarted - expiresAt).toBeLessThan(5_000);
  });

  it('wait until the node says that the last instance has stopped', async () => {
    const world = await ready();
    world.deploy(exclusive);
    const before = placementsOf(world)[0]!;
    report(world, before, 'ready');
    world.deploy({ ...exclusive, args: ['new'] });
    world.run(6_000, [0, 1, 2, 3]);
    expect(placementsOf(world)).toMatchObject([{ id: before.id, phase: 'closing' }]);
    expect(world.query('endpoints', 'hello')).toEqual([]);
    expect(world.query('app', 'hello').app.explanation).toBe('the last instance has not stopped yet');
    report(world, before, 'ready');
    expect(placementsOf(world)).toMatchObject([{ phase: 'closing' }]);
    report(world, before, 'stopped');
    expect(placementsOf(world)).toMatchObject([{ generation: 2, phase: 'assigned' }]);
  });

  it.each<['stopped' | 'failed', number]>([
    ['stopped', 1],
    ['failed', PLACEMENT_FAILURES_MAX],
  ])('do not move on the word of the node alone: %s', async (state, times) => {
    const world = await ready();
    world.deploy(exclusive);
    const before = placementsOf(world)[0]!;
    for (let time = 0; time < times; time++) report(world, before, state);
    expect(placementsOf(world)).toMatchObject([{ id: before.id, phase: 'closing' }]);
    report(world, before, 'stopped');
    expect(placementsOf(world)).toMatchObject([{ phase: 'assigned' }]);
    expect(placementsOf(world)[0]!.id).not.toBe(before.id);
  });

  const remove = (world: World): void => void world.applyProven(world.id(3), { kind: 'app.remove', name: 'hello', proof: null });
  it.each<[string, (world: World) => void]>([
    ['deployed as exclusive', () => undefined],
    ['removed and deployed as exclusive', remove],
  ])('wait for the leases of the replicas of a shared app that is %s', async (_, before) => {
    const world = await ready();
    world.deploy(appSpec({ replicas: 2, onPartition: 'stop' }));
    world.allReady('hello');
    const leases = nodesOf(world).map((node) => world.query('node', world.id(node))!.lease!.expiresAt);
    before(world);
    world.deploy(exclusive);
    expect(placementsOf(world)).toEqual([]);
    expect(world.query('app', 'hello').app.explanation).toBe('the last instance may still run');
    while (placementsOf(world).length === 0) world.run(500, [0, 1, 2, 3]);
    expect(placementsOf(world)).toMatchObject([{ exclusive: true, phase: 'assigned' }]);
    const waited = placementsOf(world)[0]!.openedAt - Math.max(...leases);
    expect(waited).toBeGreaterThanOrEqual(4_000);
    expect(waited).toBeLessThan(5_000);
  });

  it('do not start twice although removed and deployed again under the same name', async () => {
    const world = await ready();
    world.deploy(exclusive);
    const before = placementsOf(world)[0]!;
    world.applyProven(world.id(3), { kind: 'app.remove', name: 'hello', proof: null });
    world.deploy(exclusive);
    expect(placementsOf(world)).toMatchObject([{ id: before.id, phase: 'closing' }]);
    const others = [0, 1, 2, 3].filter((node) => Buffer.compare(world.id(node), before.node) !== 0);
    world.run(12_000, others);
    expect(placementsOf(world)).toEqual([]);
    world.run(6_000, others);
    expect(placementsOf(world)).toMatchObject([{ generation: 1, phase: 'assigned' }]);
  });
});

describe('apps and money', () => {
  it('need an open escrow, are suspended without and resume with it', async () => {
    const world = await ready();
    const deploy = world.proven(world.id(3), { kind: 'app.deploy', spec: appSpec(), proof: null });
    expect(codeOf(() => world.apply(world.id(3), deploy))).toBe('hypermesh.escrow_missing');
    world.deploy(appSpec());
    world.escrow.set('hello', 0n);
    for (let block = 0; block < FUNDS_CHECK_BLOCKS; block++) world.block(500);
    expect(world.query('app', 'hello')).toMatchObject({ app: { state: 'suspended' }, placements: [] });
    const scale = world.proven(world.id(3), { kind: 'app.scale', name: 'hello', replicas: 2, proof: null });
    expect(codeOf(() => world.apply(world.id(3), scale))).toBe('hypermesh.escrow_missing');
    world.fund('hello');
    for (let block = 0; block < FUNDS_CHECK_BLOCKS; block++) world.block(500);
    expect(world.query('app', 'hello').placements).toHaveLength(1);
  });

  it('runs no longer than its escrow pays for, whatever its owner does', async () => {
    const world = await ready();
    const ahead = 500n * BigInt(FUNDS_AHEAD_MS);
    world.price = 1n;
    const deploy = (): void => void world.applyProven(world.id(3), { kind: 'app.deploy', spec: appSpec(), proof: null });
    world.escrow.set('hello', ahead);
    expect(codeOf(deploy)).toBe('hypermesh.escrow_missing');
    world.escrow.set('hello', ahead + 500n * 10_000n);
    deploy();
    const cost = (): bigint => leasedTime(world.state, { app: 'hello', appOwner: world.id(3) }, world.time).cpuMillisMs;
    world.run(9_000, [0, 1, 2, 3]);
    expect(world.query('app', 'hello')).toMatchObject({ app: { state: 'active' } });
    world.run(60_000, [0, 1, 2, 3]);
    expect(world.query('app', 'hello')).toMatchObject({ app: { state: 'suspended' }, placements: [] });
    expect(cost()).toBeLessThanOrEqual(world.escrow.get('hello') ?? 0n);
    world.applyProven(world.id(3), { kind: 'app.remove', name: 'hello', proof: null });
    expect(codeOf(deploy)).toBe('hypermesh.escrow_missing');
  });

  it('keep closed placements until they are billed, and some time longer', async () => {
    const world = await ready();
    world.deploy(appSpec());
    world.block(1_000);
    world.applyProven(world.id(3), { kind: 'app.remove', name: 'hello', proof: null });
    const isKept = (): boolean => placementView(world.state).placement('hello-1') !== undefined;
    world.block(1_000);
    world.block(CLOSED_KEPT_MS);
    expect(isKept()).toBe(true);
    world.billed.set('hello-1', world.time);
    world.block(1);
    expect(isKept()).toBe(false);
  });

  it('belong to whoever deployed them', async () => {
    const world = await ready();
    world.deploy(appSpec());
    const of = (operation: Parameters<World['proven']>[1]): string => codeOf(() => world.applyProven(world.id(2), operation));
    expect(of({ kind: 'app.deploy', spec: appSpec(), proof: null })).toBe('hypermesh.app_exists');
    expect(of({ kind: 'app.scale', name: 'hello', replicas: 2, proof: null })).toBe('hypermesh.not_authorised');
    expect(of({ kind: 'app.remove', name: 'hello', proof: null })).toBe('hypermesh.not_authorised');
    expect(of({ kind: 'app.remove', name: 'other', proof: null })).toBe('hypermesh.app_unknown');
    expect(of({ kind: 'app.deploy', spec: appSpec({ name: 'other' }), proof: null })).toBe('hypermesh.escrow_missing');
  });
});
