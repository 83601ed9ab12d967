import type { Role } from '@hypermesh/stoq';
import { nodeIdOf } from '@hypermesh/trustchain';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { meshAccounts } from '../../src/mesh-machine/accounts.ts';
import { INVITATION_MS_MAX } from '../../src/mesh-machine/limits.ts';
import { memberKey } from '../../src/mesh-machine/member.ts';
import { encodeOperation, type MeshOperation } from '../../src/mesh-machine/operation.ts';
import { MESH_PARAMETERS } from '../../src/mesh-machine/parameters.ts';
import { codeOf, found, type Founded, World } from './fixture.ts';

let founded: Founded;
let stranger: Uint8Array;
beforeAll(async () => {
  founded = await found(2);
  stranger = nodeIdOf(founded.stranger.postQuantum);
});
afterAll(() => founded.crypto.close());

const TOKEN = new Uint8Array(32).fill(5);
type Join = Extract<MeshOperation, { kind: 'member.join' }>;

function certified(world: World, roles: readonly Role[], names: readonly string[] = []): void {
  world.certificates.set(1, { nodeId: stranger, key: founded.stranger, roles, names });
}
const joining = (changes: Partial<Join> = {}): Join => ({
  kind: 'member.join',
  bundle: Uint8Array.of(1),
  name: null,
  token: null,
  addresses: [],
  ...changes,
});
const inviting = (world: World, changes: Partial<Extract<MeshOperation, { kind: 'invite' }>> = {}): MeshOperation => ({
  kind: 'invite',
  token: TOKEN,
  roles: ['node'],
  name: null,
  owned: false,
  expiresAt: world.time + 60_000,
  ...changes,
});
const advance = (world: World, phase: number): void => {
  for (let to = 1; to <= phase; to++) world.apply(world.id(0), { kind: 'phase.advance', to });
};

describe('genesis', () => {
  it('makes the validators members with their keys', () => {
    const world = new World(founded);
    expect(world.query('members', '').map(({ name, roles, joinedAt }) => ({ name, roles, joinedAt }))).toEqual([
      { name: 'validator-1', roles: ['node', 'validator'], joinedAt: 0 },
      { name: 'validator-2', roles: ['node', 'validator'], joinedAt: 0 },
    ]);
    expect(memberKey(world.state, world.id(1))).toEqual(founded.validators[1]?.key);
    expect(memberKey(world.state, stranger)).toBeUndefined();
    expect(world.query('members', 'validator-1')).toHaveLength(1);
  });

  it('takes its parameters or their defaults', () => {
    const world = new World(founded, { leaseMs: 3_000 });
    expect(world.query('parameters', 0)).toMatchObject({ leaseMs: 3_000, windowMs: MESH_PARAMETERS.windowMs.value, quorum: 2 });
    expect(codeOf(() => new World(founded, { leaseMs: 1 }))).toBe('hypermesh.genesis_parameter');
    expect(codeOf(() => new World(founded, { operationPuzzleBits: 25 }))).toBe('hypermesh.genesis_parameter');
  });
});

describe('joining', () => {
  it('needs a certificate of the one who joins', () => {
    const world = new World(founded);
    certified(world, ['node']);
    expect(codeOf(() => world.apply(world.id(0), joining()))).toBe('hypermesh.not_authorised');
    world.apply(stranger, joining({ addresses: ['127.0.0.1:1'] }));
    expect(world.query('member', stranger)).toMatchObject({
      name: expect.stringMatching(/^node:/),
      roles: ['node'],
      owner: stranger,
      addresses: ['127.0.0.1:1'],
      joinedAt: world.time,
      invitedBy: null,
    });
    expect(memberKey(world.state, stranger)).toEqual(founded.stranger);
  });

  it('never makes a validator, and an operator only in phase 0 or by invitation', () => {
    const world = new World(founded);
    certified(world, ['node', 'validator', 'operator']);
    world.apply(stranger, joining());
    expect(world.query('member', stranger)!.roles).toEqual(['node', 'operator']);
    const later = new World(founded);
    advance(later, 1);
    certified(later, ['node', 'operator']);
    later.apply(stranger, joining());
    expect(later.query('member', stranger)!.roles).toEqual(['node']);
    later.apply(later.id(0), inviting(later, { roles: ['node', 'operator'] }));
    later.apply(stranger, joining({ token: TOKEN }));
    expect(later.query('member', stranger)!.roles).toEqual(['node', 'operator']);
    later.apply(stranger, joining());
    expect(later.query('member', stranger)!.roles).toEqual(['node', 'operator']);
  });

  it('gives names to one member each', () => {
    const world = new World(founded);
    certified(world, ['node'], ['validator-1', 'Bad_Name', 'edge']);
    expect(codeOf(() => world.apply(stranger, joining({ name: 'validator-2' })))).toBe('hypermesh.name_taken');
    expect(codeOf(() => world.apply(stranger, joining({ name: 'No' })))).toBe('hypermesh.name_invalid');
    world.apply(stranger, joining());
    expect(world.query('member', stranger)!.name).toBe('edge');
    world.apply(stranger, joining({ name: 'other' }));
    world.apply(stranger, joining({ addresses: ['127.0.0.1:2'] }));
    expect(world.query('member', stranger)).toMatchObject({ name: 'other', addresses: ['127.0.0.1:2'] });
    expect(world.query('members', '')).toHaveLength(3);
  });

  it('refuses other keys for a known node', () => {
    const world = new World(founded);
    certified(world, ['node']);
    world.apply(stranger, joining());
    world.certificates.set(1, { nodeId: stranger, key: founded.validators[0]!.key, roles: ['node'], names: [] });
    expect(codeOf(() => world.apply(stranger, joining()))).toBe('hypermesh.unsupported');
  });

  it('needs an invitation from the phase of genesis on, and uses it up', () => {
    const world = new World(founded);
    certified(world, ['node']);
    advance(world, 2);
    expect(codeOf(() => world.apply(stranger, joining()))).toBe('hypermesh.invitation_invalid');
    world.apply(world.id(0), inviting(world, { name: 'invited', owned: true }));
    expect(world.query('invitation', { token: TOKEN, time: world.time })).toMatchObject({ roles: ['node'], invitedBy: world.id(0) });
    world.apply(stranger, joining({ token: TOKEN, name: 'ignored' }));
    expect(world.query('member', stranger)).toMatchObject({ name: 'invited', owner: world.id(0), invitedBy: world.id(0) });
    expect(world.query('invitation', { token: TOKEN, time: world.time })).toBeNull();
    expect(codeOf(() => world.apply(stranger, joining({ token: TOKEN })))).toBe('hypermesh.invitation_invalid');
  });

  it('refuses roles that the invitation does not give', () => {
    const world = new World(founded);
    certified(world, ['node', 'service']);
    world.apply(world.id(0), inviting(world));
    expect(codeOf(() => world.apply(stranger, joining({ token: TOKEN })))).toBe('hypermesh.not_authorised');
  });

  it.each<[string, (world: World) => MeshOperation, string]>([
    ['of a validator', (world) => inviting(world, { roles: ['validator'] }), 'hypermesh.not_authorised'],
    ['that has expired', (world) => inviting(world, { expiresAt: world.time }), 'hypermesh.invitation_invalid'],
    ['for too long', (world) => inviting(world, { expiresAt: world.time + INVITATION_MS_MAX + 1 }), 'hypermesh.invitation_invalid'],
    ['with a bad name', (world) => inviting(world, { name: '-' }), 'hypermesh.name_invalid'],
  ])('refuses an invitation %s', (_, operation, code) => {
    const world = new World(founded);
    expect(codeOf(() => world.apply(world.id(0), operation(world)))).toBe(code);
  });

  it('lets only operators and validators invite and advance, and forgets expired invitations', () => {
    const world = new World(founded);
    certified(world, ['node']);
    expect(codeOf(() => world.apply(stranger, inviting(world)))).toBe('hypermesh.member_unknown');
    world.apply(stranger, joining());
    expect(codeOf(() => world.apply(stranger, inviting(world)))).toBe('hypermesh.not_authorised');
    expect(codeOf(() => world.apply(stranger, { kind: 'phase.advance', to: 1 }))).toBe('hypermesh.not_authorised');
    world.apply(world.id(0), inviting(world));
    expect(codeOf(() => world.apply(world.id(0), inviting(world)))).toBe('hypermesh.invitation_invalid');
    world.block(30_000);
    expect(codeOf(() => world.apply(world.id(0), inviting(world)))).toBe('hypermesh.invitation_invalid');
    world.block(30_000);
    world.apply(world.id(0), inviting(world));
  });

  it('is all that a stranger may order', () => {
    const body = { meshId: new Uint8Array(32), owner: stranger, sequence: 1, machine: 'mesh', key: founded.stranger };
    const admits = (machine: string, ...operations: Uint8Array[]): boolean => meshAccounts.admitsStranger({ ...body, machine, operations });
    const join = encodeOperation(joining());
    expect(admits('mesh', join)).toBe(true);
    expect(admits('caesar', join)).toBe(false);
    expect(admits('mesh', join, join)).toBe(false);
    expect(admits('mesh')).toBe(false);
    expect(admits('mesh', encodeOperation({ kind: 'phase.advance', to: 1 }))).toBe(false);
    expect(admits('mesh', Uint8Array.of(0xff))).toBe(false);
  });
});

describe('phases', () => {
  it('go forward one by one', () => {
    const world = new World(founded);
    const to = (phase: number): string => codeOf(() => world.apply(world.id(0), { kind: 'phase.advance', to: phase }));
    expect(world.query('phase', 0)).toEqual({ phase: 0, since: 0 });
    expect([to(2), to(1), to(1), to(0), to(2), to(3)]).toEqual([
      'hypermesh.phase_order',
      'none',
      'hypermesh.phase_order',
      'hypermesh.phase_order',
      'none',
      'none',
    ]);
    expect(world.query('phase', 0)).toEqual({ phase: 3, since: world.time });
  });
});
