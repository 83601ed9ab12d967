import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lease } from '../../src/mesh-machine/lease.ts';
import { codeOf, found, type Founded, World } from './fixture.ts';

let founded: Founded;
beforeAll(async () => {
  founded = await found(2);
});
afterAll(() => founded.crypto.close());

const LEASE_MS = 9_000;

function leased(): World {
  const world = new World(founded, { leaseMs: LEASE_MS });
  world.block(0);
  world.describe(0);
  world.describe(1);
  return world;
}
const leaseOf = (world: World): Lease => world.query('node', world.id(0))!.lease!;

describe('leases', () => {
  it('need a described node', () => {
    const world = new World(founded);
    expect(codeOf(() => world.renew(0))).toBe('hypermesh.node_unknown');
  });

  it('keep their number while renewed and take the next after an expiry', () => {
    const world = leased();
    expect(world.renew(0)).toEqual({ number: 1, expiresAt: world.time + LEASE_MS });
    world.run(30_000, [0]);
    expect(world.renew(0, 1)).toEqual({ number: 1, expiresAt: world.time + LEASE_MS });
    expect(codeOf(() => world.renew(0, 2))).toBe('hypermesh.lease_stale');
    world.block(4_000);
    world.block(4_999);
    expect(leaseOf(world).expired).toBe(false);
    world.block(LEASE_MS);
    world.block(LEASE_MS);
    expect(leaseOf(world)).toMatchObject({ number: 1, expired: true });
    expect(codeOf(() => world.renew(0, 1))).toBe('hypermesh.lease_stale');
    expect(world.renew(0)).toMatchObject({ number: 2 });
  });

  it('expire exactly when block time reaches them', () => {
    const world = leased();
    const { expiresAt } = world.renew(0);
    for (let left = expiresAt - 1 - world.time; left > 0; left -= 3_000) {
      world.block(Math.min(3_000, left));
      world.renew(1);
    }
    expect(leaseOf(world).expired).toBe(false);
    world.block(1);
    expect(leaseOf(world).expired).toBe(true);
    expect(world.query('assets', world.id(0)).every(({ state, reason }) => state === 'suspended' && reason === 'lease-expired')).toBe(true);
    world.renew(0);
    expect(world.query('assets', world.id(0)).every(({ state }) => state === 'available')).toBe(true);
  });

  it('are extended by one when block time jumps by more than half a lease, once until the next renewal', () => {
    const world = leased();
    world.renew(0);
    world.block(72 * 3_600_000);
    expect(leaseOf(world)).toEqual({ number: 1, expiresAt: world.time + LEASE_MS, expired: false, extended: true });
    expect(world.renew(0)).toMatchObject({ number: 1 });
    expect(leaseOf(world).extended).toBe(false);
    const first = world.time;
    world.block(LEASE_MS / 2 + 1);
    expect(leaseOf(world).expiresAt).toBe(world.time + LEASE_MS);
    world.block(LEASE_MS / 2 + 1);
    world.block(LEASE_MS / 2 + 1);
    expect(world.time - first).toBeGreaterThan(LEASE_MS + LEASE_MS / 2);
    expect(leaseOf(world).expired).toBe(true);
  });

  it('are not extended by half a lease exactly', () => {
    const world = leased();
    const { expiresAt } = world.renew(0);
    world.block(LEASE_MS / 2);
    expect(leaseOf(world)).toMatchObject({ expiresAt, extended: false });
  });
});
