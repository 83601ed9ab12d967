import { encode, formatId } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeGenesis, encodeGenesis, type Genesis, genesisCodec, meshIdOf } from '../../src/genesis/genesis.ts';
import { nodeIdOf, nodeNameOf, nodeUriOf } from '../../src/genesis/ids.ts';
import { type AuthorityFixture, createAuthority, createGenesis } from '../fixtures.ts';

let authority: AuthorityFixture;
let genesis: Genesis;

beforeAll(async () => {
  authority = await createAuthority();
  genesis = (await createGenesis(authority.crypto, [authority.root.der], 2)).genesis;
});
afterAll(() => authority.crypto.close());

const malformed = (field: string) =>
  expect.objectContaining({ code: 'trustchain.genesis_malformed', data: expect.objectContaining({ field }) });
const validator = (index: number) => genesis.validators[index] as Genesis['validators'][number];

describe('genesis', () => {
  test('round-trips', () => {
    expect(decodeGenesis(encodeGenesis(genesis))).toEqual(genesis);
  });

  test('every field is in the mesh id', () => {
    const id = meshIdOf(genesis);
    expect(id).toHaveLength(32);
    expect(formatId('mesh', id)).toMatch(/^mesh:[a-z2-7]{52}$/);
    const variants: Partial<Genesis>[] = [
      { meshName: 'other' },
      { createdAt: genesis.createdAt + 1 },
      { trustchaind: { ...genesis.trustchaind, addresses: ['[::1]:1'] } },
      { logs: { ...genesis.logs, packages: { ...genesis.logs.packages, origin: 'x' } } },
      { validators: genesis.validators.slice(0, 1) },
      { machines: [] },
      { pools: [] },
      { parameters: [] },
    ];
    const ids = variants.map((change) => Buffer.from(meshIdOf({ ...genesis, ...change })).toString('hex'));
    expect(new Set([...ids, Buffer.from(id).toString('hex')]).size).toBe(variants.length + 1);
  });

  test.each<[string, string, () => Partial<Genesis>]>([
    ['another version', 'version', () => ({ version: 2 })],
    ['an empty mesh name', 'meshName', () => ({ meshName: '' })],
    ['a mesh name in capitals', 'meshName', () => ({ meshName: 'Test' })],
    ['no root', 'roots', () => ({ roots: [] })],
    ['a root twice', 'roots', () => ({ roots: [authority.root.der, authority.root.der] })],
    ['an intermediate as root', 'roots', () => ({ roots: [authority.intermediate.der] })],
    ['garbage as root', 'roots', () => ({ roots: [Uint8Array.of(1, 2, 3)] })],
    ['no validator', 'validators', () => ({ validators: [] })],
    ['two validators of one name', 'validators.name', () => ({ validators: [validator(0), { ...validator(1), name: 'validator-1' }] })],
    ['a validator called trustchaind', 'validators.name', () => ({ validators: [{ ...validator(0), name: 'trustchaind' }] })],
    [
      'two validators of one node',
      'validators.nodeId',
      () => ({ validators: [validator(0), { ...validator(1), nodeId: validator(0).nodeId }] }),
    ],
    ['a vote key used twice', 'keys', () => ({ validators: [validator(0), { ...validator(1), voteKey: validator(0).voteKey }] })],
    ['a witness key used twice', 'keys', () => ({ validators: [validator(0), { ...validator(1), witnessKey: validator(0).witnessKey }] })],
    [
      'a session key that is the log key',
      'keys',
      () => ({ logs: { ...genesis.logs, packages: { ...genesis.logs.packages, classical: genesis.trustchaind.sessionKey.classical } } }),
    ],
    [
      'a vote key that cannot sign',
      'validators.voteKey',
      () => ({ validators: [{ ...validator(0), voteKey: { algorithm: 'x25519', bytes: new Uint8Array(32) } }] }),
    ],
    [
      'an origin with a plus sign',
      'logs.origin',
      () => ({ logs: { ...genesis.logs, packages: { ...genesis.logs.packages, origin: 'a+b' } } }),
    ],
    [
      'two logs of one origin',
      'logs.origin',
      () => ({ logs: { ...genesis.logs, packages: { ...genesis.logs.packages, origin: genesis.logs.revocations.origin } } }),
    ],
    ['no address', 'addresses', () => ({ trustchaind: { ...genesis.trustchaind, addresses: [] } })],
    ['an address without a port', 'addresses', () => ({ validators: [{ ...validator(0), addresses: ['[::1]'] }] })],
    [
      'a machine twice',
      'machines.name',
      () => ({
        machines: [
          { name: 'a', version: 1 },
          { name: 'a', version: 2 },
        ],
      }),
    ],
    [
      'a pool twice',
      'pools.account',
      () => ({
        pools: [
          { account: 'a', amount: 1n },
          { account: 'a', amount: 2n },
        ],
      }),
    ],
    ['a pool without a name', 'pools.account', () => ({ pools: [{ account: '', amount: 1n }] })],
    [
      'a parameter twice',
      'parameters.name',
      () => ({
        parameters: [
          { name: 'a', value: 1 },
          { name: 'a', value: 2 },
        ],
      }),
    ],
    ['threshold 0', 'operators.threshold', () => ({ operators: { ...genesis.operators, threshold: 0 } })],
    ['a threshold that cannot be met', 'operators.threshold', () => ({ operators: { ...genesis.operators, threshold: 2 } })],
  ])('%s is refused in both directions', (_, field, change) => {
    const changed = { ...genesis, ...change() };
    expect(() => encodeGenesis(changed)).toThrow(malformed(field));
    expect(() => decodeGenesis(encode(genesisCodec, changed))).toThrow(malformed(field));
  });

  test.each([
    ['truncated', () => encodeGenesis(genesis).subarray(1)],
    ['with a trailing byte', () => Uint8Array.of(...encodeGenesis(genesis), 0)],
    ['empty', () => new Uint8Array()],
  ])('%s bytes are refused', (_, bytes) => {
    expect(() => decodeGenesis(bytes())).toThrow(expect.objectContaining({ code: 'trustchain.genesis_malformed' }));
  });
});

describe('ids', () => {
  test('a node id is the labelled hash of the FALCON key', () => {
    const id = nodeIdOf({ algorithm: 'falcon1024', bytes: new Uint8Array(1793) });
    // BLAKE3 of the label, a zero byte and the key, by an independent implementation.
    expect(Buffer.from(id).toString('hex')).toBe('dd27cf1e85ae860a9ceecbc92bc5a3dd83bc00281e25f915864fdf75b924aa26');
    expect(nodeNameOf(id)).toBe(formatId('node', id));
    expect(nodeUriOf(id)).toBe(`mesh://${formatId('node', id).slice(5)}`);
  });
});
