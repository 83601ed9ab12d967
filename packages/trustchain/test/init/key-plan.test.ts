import type { Crypto, KeyPair } from '@hypermesh/stoq';
import { describe, expect, test } from 'vitest';
import { generateKeyrings, type KeyPlan } from '../../src/init/key-plan.ts';

const PLAN: KeyPlan = Object.fromEntries(
  Array.from({ length: 20 }, (_, owner) => [`nodes/${owner}`, { identity: 'ed25519', kem: 'ml-kem-1024' }]),
);

/** Keys that cost nothing; each is remembered. */
function countingCrypto(onMade: () => void): { readonly crypto: Crypto; readonly made: KeyPair[] } {
  const made: KeyPair[] = [];
  const generateKeyPair = async (algorithm: KeyPair['publicKey']['algorithm']): Promise<KeyPair> => {
    const bytes = new Uint8Array(32).fill(7);
    const pair = { publicKey: { algorithm, bytes }, secretKey: { algorithm, bytes: Uint8Array.from(bytes) } } as KeyPair;
    made.push(pair);
    onMade();
    return pair;
  };
  return { crypto: { generateKeyPair } as unknown as Crypto, made };
}

describe('keyrings', () => {
  test('hold every key of the plan', async () => {
    const { crypto, made } = countingCrypto(() => undefined);
    const keyrings = await generateKeyrings(PLAN, crypto);
    expect([...keyrings.keys()]).toEqual(Object.keys(PLAN));
    expect([...keyrings.values()].every((keyring) => keyring.size === 2)).toBe(true);
    expect(made).toHaveLength(40);
  });

  test('end with the signal, before all keys are made, and leave no secret', async () => {
    const controller = new AbortController();
    const { crypto, made } = countingCrypto(() => controller.abort());
    await expect(generateKeyrings(PLAN, crypto, controller.signal)).rejects.toBe(controller.signal.reason);
    expect(made.length).toBeLessThan(5);
    expect(made.flatMap(({ secretKey }) => [...secretKey.bytes]).every((byte) => byte === 0)).toBe(true);
  });
});
