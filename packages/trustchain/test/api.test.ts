import type { MethodSpec } from '@hypermesh/stoq';
import { describe, expect, test } from 'vitest';
import { trustchainContract } from '../src/api.ts';

const methods: readonly (readonly [string, MethodSpec])[] = Object.entries(trustchainContract.methods) as [string, MethodSpec][];

/** Who may call what, method by method: a change of access has to be made here as well. */
const ACCESS: Readonly<Record<string, string>> = {
  'enroll.genesis': 'newcomers',
  'enroll.challenge': 'newcomers',
  'enroll.submit': 'newcomers',
  bundle: 'newcomers',
  roots: 'newcomers',
  'revocation.snapshot': 'newcomers',
  renew: 'members, restricted',
  revoke: 'members, restricted',
  'revocation.delta': 'members, restricted',
  'revocation.watch': 'members, restricted',
  status: 'members',
  'log.checkpoint': 'members',
  'log.tile': 'members',
  'log.entries': 'members',
  'log.proof': 'members',
  'log.consistency': 'members',
  'names.resolve': 'members',
  'log.add': 'certificates',
  'names.publish': 'members: node service validator operator',
  'admin.invite': 'members: operator',
};

function accessOf({ kinds, roles, restricted }: MethodSpec): string {
  const groups: Readonly<Record<string, string>> = {
    'raw-key pinned set-entry bundle': 'newcomers',
    'bundle set-entry': 'members',
    bundle: 'certificates',
  };
  const group = groups[(kinds ?? []).join(' ')];
  if (group === 'newcomers') return restricted === true ? group : 'inconsistent';
  return `${group}${restricted === true ? ', restricted' : ''}${roles === 'any' ? '' : `: ${roles.join(' ')}`}`;
}

describe('the contract', () => {
  test('gives each method to whom it says', () => {
    expect(Object.fromEntries(methods.map(([name, spec]) => [name, accessOf(spec)]))).toEqual(ACCESS);
  });

  const hash = new Uint8Array(32);
  const serial = 'ab'.repeat(20);
  const refused: [string, unknown][] = [
    ['enroll.genesis', { extra: 1 }],
    ['enroll.challenge', { request: 'text', secret: null }],
    ['enroll.challenge', { request: new Uint8Array(40), secret: new Uint8Array(31) }],
    ['enroll.challenge', { request: new Uint8Array(41 * 1024), secret: null }],
    ['enroll.submit', { challenge: hash, request: hash, secret: hash }],
    ['renew', { challenge: new Uint8Array(31), request: hash, proof: {} }],
    ['revoke', { serial: serial.toUpperCase(), reason: 'unspecified', invalidityDate: null }],
    ['revoke', { serial, reason: 'because', invalidityDate: null }],
    ['revoke', { serial, reason: 'unspecified', invalidityDate: -1 }],
    ['status', { serial: `${serial}00` }],
    ['bundle', {}],
    ['roots', { afterPolicy: 0.5 }],
    ['log.tile', { log: 'certificates', path: 'x'.repeat(65) }],
    ['log.tile', { log: 'others', path: 'tile/0/000' }],
    ['log.add', { entry: new Uint8Array(65_536) }],
    ['names.resolve', { name: 'a.mesh', type: 'ANY' }],
    ['names.resolve', { name: 'a'.repeat(254), type: 'A' }],
    ['names.publish', { name: 'a.mesh', type: 'A', ttlSeconds: 3_601, records: [], version: 0 }],
    ['names.publish', { name: 'a.mesh', type: 'A', ttlSeconds: 1, records: Array.from({ length: 33 }, () => 'x'), version: 0 }],
    ['admin.invite', { roles: ['root'], names: [], lifetimeMs: 1 }],
    ['admin.invite', { roles: [], names: [], lifetimeMs: 1 }],
    ['admin.invite', { roles: ['node'], names: Array.from({ length: 101 }, () => 'a.mesh'), lifetimeMs: 1 }],
  ];
  test.each(refused)('%s refuses %j', (name, request) => {
    const [, spec] = methods.find(([method]) => method === name) as [string, MethodSpec];
    expect(spec.request.safeParse(request).success).toBe(false);
  });
});
