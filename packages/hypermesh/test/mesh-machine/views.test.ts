import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SPONSOR_COUNT_MAX } from '../../src/mesh-machine/limits.ts';
import { writeMember } from '../../src/mesh-machine/member.ts';
import { type MeshPlacementView, placementView } from '../../src/mesh-machine/views.ts';
import { appSpec, found, type Founded, World } from './fixture.ts';

let founded: Founded;
let world: World;
let view: MeshPlacementView;
beforeAll(async () => {
  founded = await found();
});
afterAll(() => founded.crypto.close());
beforeEach(async () => {
  world = await new World(founded).ready();
  view = placementView(world.state);
});

const guest = (at: number): Uint8Array => new Uint8Array(32).fill(200 + at);

/** A member that another one has invited. */
function welcome(id: Uint8Array, invitedBy: Uint8Array, owner: Uint8Array = id): void {
  const member = { roles: ['operator' as const], key: founded.stranger, addresses: [], joinedAt: world.time };
  writeMember(world.state, { ...member, id, name: `guest-${id[0]}`, owner, invitedBy });
}

describe('what the ledger sees of the mesh', () => {
  it('are placements in id order, from behind one on or of one app', () => {
    for (const name of ['hello', 'hello-2', 'other']) world.deploy(appSpec({ name, replicas: 2 }));
    const ids = [...view.placements('')].map(({ id }) => id);
    expect(ids).toEqual(['hello-1', 'hello-2', 'hello-2-3', 'hello-2-4', 'other-5', 'other-6']);
    expect([...view.placements('hello-2')].map(({ id }) => id)).toEqual(ids.slice(2));
    expect([...view.placements('other-6')]).toEqual([]);
    expect([...view.placementsOf('hello')].map(({ id }) => id)).toEqual(['hello-1', 'hello-2']);
  });

  it('are ingresses of nodes that have announced one, and no other members', () => {
    welcome(guest(0), world.id(0));
    world.describe(2, { ingress: null });
    expect(view.ingress(world.id(1))).toEqual({ owner: world.id(1), key: founded.validators[1]?.key });
    for (const id of [world.id(2), guest(0), guest(1)]) expect(view.ingress(id)).toBeUndefined();
  });

  it('is who stands behind a member, through every invitation', () => {
    welcome(guest(0), world.id(0));
    welcome(guest(1), guest(0), guest(0));
    welcome(guest(2), guest(1));
    expect(view.sponsors(world.id(0))).toEqual([world.id(0)]);
    expect(view.sponsors(guest(2))).toEqual([guest(2), guest(0), guest(0), world.id(0)]);
    welcome(guest(0), guest(2));
    expect(view.sponsors(guest(2))).toHaveLength(SPONSOR_COUNT_MAX);
    expect(view.sponsors(guest(9))).toEqual([]);
  });
});
