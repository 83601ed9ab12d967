import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appSpec, found, type Founded, World } from './fixture.ts';

let founded: Founded;
beforeAll(async () => {
  founded = await found();
});
afterAll(() => founded.crypto.close());

describe('placement', () => {
  it('spreads replicas, moves them when a lease ends, and answers endpoints', async () => {
    const world = await new World(founded).ready();
    world.deploy(appSpec({ replicas: 3 }));
    world.allReady('hello');
    expect(world.query('endpoints', 'hello').map(({ node }) => Buffer.from(node).toString('hex'))).toHaveLength(3);
    const lost = world.query('app', 'hello').placements[0]!;
    const alive = [0, 1, 2, 3].filter((node) => Buffer.compare(world.id(node), lost.node) !== 0);
    world.run(12_000, alive);
    const placements = world.query('app', 'hello').placements;
    expect(placements).toHaveLength(3);
    expect(placements.every(({ node }) => Buffer.compare(node, lost.node) !== 0)).toBe(true);
  });
});
