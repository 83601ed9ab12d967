import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASSET_TRANSITIONS, type AssetState, assetIdOf, assetOf, transition } from '../../src/mesh-machine/asset.ts';
import { appSpec, codeOf, description, found, type Founded, GIB, World } from './fixture.ts';

let founded: Founded;
beforeAll(async () => {
  founded = await found();
});
afterAll(() => founded.crypto.close());

const STATES = Object.keys(ASSET_TRANSITIONS) as AssetState[];
const cpuOf = (world: World, node: number): Uint8Array => assetIdOf(world.id(node), { kind: 'cpu', name: 'cpu' });
const move = (world: World, to: AssetState, owner = 0, node = 0): string => {
  return codeOf(() => world.applyProven(world.id(owner), { kind: 'asset.transition', asset: cpuOf(world, node), to, proof: null }));
};

describe('asset states', () => {
  it.each(STATES.flatMap((from) => STATES.map((to): [AssetState, AssetState] => [from, to])))(
    '%s to %s follows the table',
    async (from, to) => {
      const world = new World(founded);
      world.describe(0);
      const asset = { ...assetOf(world.state, cpuOf(world, 0)), state: from };
      const allowed = ASSET_TRANSITIONS[from].includes(to);
      expect(codeOf(() => transition(world.state, asset, to, '', world.time))).toBe(allowed ? 'none' : 'hypermesh.asset_transition');
    },
  );

  it('follow the placements of the node', async () => {
    const world = await new World(founded).ready(1);
    const states = (): string[] =>
      world
        .query('assets', world.id(0))
        .map(({ kind, state }) => `${kind} ${state}`)
        .sort();
    expect(states()).toEqual(['cpu available', 'memory available', 'storage available']);
    world.deploy(appSpec({ replicas: 2 }));
    expect(states()).toEqual(['cpu allocated', 'memory allocated', 'storage available']);
    world.allReady('hello');
    expect(states()).toEqual(['cpu in-use', 'memory in-use', 'storage available']);
    world.applyProven(world.id(3), { kind: 'app.remove', name: 'hello', proof: null });
    expect(states()).toEqual(['cpu available', 'memory available', 'storage available']);
    expect(world.query('asset', cpuOf(world, 0))).toMatchObject({ node: world.id(0), quantity: 2, detail: 'a processor' });
    expect(codeOf(() => world.query('asset', new Uint8Array(32)))).toBe('hypermesh.asset_unknown');
  });

  it('are set by the owner, who may not allocate', async () => {
    const world = await new World(founded).ready();
    expect(move(world, 'maintenance', 1)).toBe('hypermesh.not_authorised');
    expect(move(world, 'allocated')).toBe('hypermesh.asset_transition');
    expect(move(world, 'maintenance')).toBe('none');
    expect(move(world, 'suspended')).toBe('hypermesh.asset_transition');
    expect(world.query('node', world.id(0))).toMatchObject({ schedulable: false });
    expect(move(world, 'available')).toBe('none');
    expect(world.query('assets', null)).toHaveLength(12);
  });

  it('out of service send the placements elsewhere', async () => {
    const world = await new World(founded).ready();
    world.deploy(appSpec({ replicas: 4 }));
    world.allReady('hello');
    expect(move(world, 'maintenance')).toBe('hypermesh.asset_transition');
    expect(move(world, 'failed')).toBe('none');
    const nodes = world.query('app', 'hello').placements.map(({ node }) => Buffer.from(node).toString('hex'));
    expect(nodes).toHaveLength(4);
    expect(nodes).not.toContain(Buffer.from(world.id(0)).toString('hex'));
    expect(move(world, 'available')).toBe('hypermesh.asset_transition');
  });
});

describe('assets of a node with an exclusive replica that is still stopping', () => {
  it('come back allocated', async () => {
    const world = await new World(founded).ready(1);
    world.deploy(appSpec({ exclusive: true, onPartition: 'stop' }));
    expect(move(world, 'suspended')).toBe('none');
    expect(world.query('app', 'hello').placements).toMatchObject([{ phase: 'closing' }]);
    expect(move(world, 'available')).toBe('none');
    expect(world.query('asset', cpuOf(world, 0)).state).toBe('allocated');
  });
});

describe('descriptions', () => {
  it.each([
    ['more cpu than detected', { capacity: { cpuMillis: 2_001, memoryBytes: 1, workloads: 1 } }],
    ['more memory than detected', { capacity: { cpuMillis: 1, memoryBytes: 2 * GIB + 1, workloads: 1 } }],
    ['one asset twice', { assets: [...description(0).assets, description(0).assets[0]!] }],
  ])('with %s are refused', (_, changes) => {
    const world = new World(founded);
    expect(codeOf(() => world.describe(0, changes))).toBe('hypermesh.node_invalid');
  });

  it('are for nodes that are members', () => {
    const world = new World(founded);
    expect(codeOf(() => world.apply(new Uint8Array(32), description(0)))).toBe('hypermesh.member_unknown');
    world.certificates.set(1, { nodeId: new Uint8Array(32), key: founded.stranger, roles: ['viewer'], names: ['viewer'] });
    world.apply(new Uint8Array(32), { kind: 'member.join', bundle: Uint8Array.of(1), name: null, token: null, addresses: [] });
    expect(codeOf(() => world.apply(new Uint8Array(32), description(0)))).toBe('hypermesh.not_authorised');
  });

  it('keep the states of known assets and forget those that are gone', () => {
    const world = new World(founded);
    world.block(0);
    world.describe(0);
    world.describe(0, {
      assets: description(0)
        .assets.slice(0, 2)
        .map((asset) => ({ ...asset, detail: 'new' })),
    });
    expect(
      world
        .query('assets', world.id(0))
        .map(({ kind, detail }) => `${kind} ${detail}`)
        .sort(),
    ).toEqual(['cpu new', 'memory new']);
  });
});

describe('queries', () => {
  it('refuse what they do not know', () => {
    const world = new World(founded);
    const ask = (method: string, argument: Uint8Array): string => codeOf(() => world.machine.query?.(world.state, method, argument));
    expect(ask('constructor', new Uint8Array())).toBe('hypermesh.query_unknown');
    expect(ask('member', Uint8Array.of(0))).toBe('hypermesh.operation_malformed');
    expect(codeOf(() => world.query('app', 'nobody'))).toBe('hypermesh.app_unknown');
    expect(codeOf(() => world.query('endpoints', 'nobody'))).toBe('hypermesh.service_unknown');
    expect(world.query('member', new Uint8Array(32))).toBeNull();
    expect(world.query('node', new Uint8Array(32))).toBeNull();
    expect(world.query('verdict', new Uint8Array(32))).toBeNull();
    expect(codeOf(() => world.machine.apply(world.state, Uint8Array.of(0xff), world.context(world.id(0))))).toBe(
      'hypermesh.operation_malformed',
    );
  });

  it('list placements by node, by app, both and after an id', async () => {
    const world = await new World(founded).ready();
    world.deploy(appSpec({ replicas: 4 }));
    world.deploy(appSpec({ name: 'other' }));
    const ids = (argument: { app: string | null; node: Uint8Array | null; after: string }): string[] =>
      world.query('placements', argument).map(({ id }) => id);
    expect(ids({ app: null, node: null, after: '' })).toEqual(['hello-1', 'hello-2', 'hello-3', 'hello-4', 'other-5']);
    expect(ids({ app: null, node: null, after: 'hello-3' })).toEqual(['hello-4', 'other-5']);
    expect(ids({ app: 'other', node: null, after: '' })).toEqual(['other-5']);
    const { node } = world.query('app', 'other').placements[0]!;
    expect(ids({ app: 'other', node, after: '' })).toEqual(['other-5']);
    expect(ids({ app: null, node, after: '' })).toHaveLength(2);
    expect(world.query('nodes', 0)).toHaveLength(4);
    expect(world.query('apps', '')).toHaveLength(2);
  });
});
