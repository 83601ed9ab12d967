import { createCrypto, type Crypto, type KeyPair } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  assertSuccessor,
  decodePolicyHistory,
  decodeWitnessPolicy,
  encodePolicyHistory,
  encodeWitnessPolicy,
  quorumOf,
  signWitnessPolicy,
  type WitnessPolicy,
} from '../../src/witness/policy.ts';

let crypto: Crypto;
let pairs: KeyPair<'ml-dsa-44'>[];
let genesis: WitnessPolicy;
let next: WitnessPolicy;
beforeAll(async () => {
  crypto = await createCrypto();
  pairs = await Promise.all(Array.from({ length: 4 }, () => crypto.generateKeyPair('ml-dsa-44')));
  const witnesses = pairs.map(({ publicKey: key }, i) => ({ name: `v${i}`, key }));
  genesis = { meshId: new Uint8Array(32), version: 0, threshold: 3, witnesses };
  next = { ...genesis, version: 1 };
});
afterAll(() => crypto.close());

const sign = (policy: WitnessPolicy, signers: readonly (readonly [number, string])[]) =>
  Promise.all(signers.map(([i, name]) => signWitnessPolicy(policy, name, crypto.createSigner(pairs[i] as KeyPair<'ml-dsa-44'>))));

const refusal = (suffix: string) => expect.objectContaining({ code: `trustchain.${suffix}` });

describe('quorum', () => {
  test.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 3],
    [7, 5],
    [10, 7],
    [100, 67],
  ])('of %i is %i', (count, quorum) => {
    expect(quorumOf(count)).toBe(quorum);
  });
});

describe('succession', () => {
  test('takes a quorum of the version before', async () => {
    const signatures = await sign(next, [
      [0, 'v0'],
      [2, 'v2'],
      [3, 'v3'],
    ]);
    expect(() => assertSuccessor({ policy: next, signatures }, genesis, crypto)).not.toThrow();
  });

  test.each<[string, [number, string][]]>([
    [
      'too few',
      [
        [0, 'v0'],
        [1, 'v1'],
      ],
    ],
    [
      'one twice',
      [
        [0, 'v0'],
        [1, 'v1'],
        [1, 'v1'],
      ],
    ],
    [
      'one under another name',
      [
        [0, 'v0'],
        [1, 'v1'],
        [1, 'v2'],
      ],
    ],
    [
      'a stranger',
      [
        [0, 'v0'],
        [1, 'v1'],
        [2, 'v9'],
      ],
    ],
  ])('%s is no quorum', async (_, signers) => {
    const signatures = await sign(next, signers);
    expect(() => assertSuccessor({ policy: next, signatures }, genesis, crypto)).toThrow(refusal('witness_quorum_missing'));
  });

  test.each<[string, string, (policy: WitnessPolicy) => Partial<WitnessPolicy>]>([
    ['another mesh', 'mesh_mismatch', () => ({ meshId: new Uint8Array(32).fill(1) })],
    ['a gap', 'witness_policy_refused', () => ({ version: 2 })],
    ['the same version', 'witness_policy_refused', () => ({ version: 0 })],
    ['no witness', 'witness_policy_refused', () => ({ witnesses: [], threshold: 0 })],
    ['a threshold below the quorum', 'witness_policy_refused', () => ({ threshold: 2 })],
    ['a threshold that cannot be met', 'witness_policy_refused', () => ({ threshold: 5 })],
    [
      'a name twice',
      'witness_policy_refused',
      ({ witnesses }) => ({ witnesses: witnesses.map((witness) => ({ ...witness, name: 'v0' })) }),
    ],
    [
      'a key twice',
      'witness_policy_refused',
      ({ witnesses }) => ({ witnesses: witnesses.map(({ name }) => ({ name, key: (witnesses[0] as (typeof witnesses)[number]).key })) }),
    ],
  ])('%s is refused, however many have signed', async (_, code, change) => {
    const policy = { ...next, ...change(next) };
    const signatures = await sign(
      policy,
      pairs.map((__, i) => [i, `v${i}`] as const),
    );
    expect(() => assertSuccessor({ policy, signatures }, genesis, crypto)).toThrow(refusal(code));
  });
});

describe('encodings', () => {
  test('round-trip', async () => {
    expect(decodeWitnessPolicy(encodeWitnessPolicy(next))).toEqual(next);
    const history = [{ policy: next, signatures: await sign(next, [[0, 'v0']]) }];
    expect(decodePolicyHistory(encodePolicyHistory(history))).toEqual(history);
  });

  test('garbage is refused', () => {
    expect(() => decodeWitnessPolicy(Uint8Array.of(0x80))).toThrow(refusal('witness_policy_malformed'));
    expect(() => decodePolicyHistory(Uint8Array.of(...encodePolicyHistory([]), 0))).toThrow(refusal('witness_policy_malformed'));
    const otherKey = { ...next, witnesses: [{ name: 'v', key: { algorithm: 'ml-dsa-44', bytes: new Uint8Array(3) } as const }] };
    expect(() => encodeWitnessPolicy(otherKey)).toThrow(expect.objectContaining({ code: 'stoq.key_malformed' }));
  });
});
