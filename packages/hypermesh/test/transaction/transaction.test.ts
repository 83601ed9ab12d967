import { type Crypto, createCrypto, encode, list, bytesUpTo } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BATCH_TRANSACTIONS_MAX, batchDigest, decodeBatch, ENCODED_BATCH_BYTES_MAX, encodeBatch } from '../../src/transaction/batch.ts';
import { decodeTransactions } from '../../src/transaction/decoded-batch.ts';
import { SignatureVerifier } from '../../src/transaction/signature-verifier.ts';
import { decodeTransaction, OPERATION_COUNT_MAX, signTransaction, TRANSACTION_BYTES_MAX } from '../../src/transaction/transaction.ts';
import { type Account, createAccount, signed } from '../executor/fixture.ts';

let crypto: Crypto;
let alice: Account;
let bob: Account;
beforeAll(async () => {
  crypto = await createCrypto();
  alice = await createAccount(crypto);
  bob = await createAccount(crypto);
});
afterAll(() => crypto.close());

const coded = (code: string): object => expect.objectContaining({ code });

describe('transaction', () => {
  test('round-trips and verifies', async () => {
    const transaction = await signed(alice, 1, { operations: [Uint8Array.of(1)], key: alice.signer.publicKey });
    const decoded = decodeTransaction(transaction.encoded);
    expect(decoded).toEqual(transaction);
    expect(new SignatureVerifier(crypto).verify(decoded, alice.signer.publicKey)).toBe(true);
  });

  test('one altered byte changes id, signature or form', async () => {
    const transaction = await signed(alice, 1, { operations: [Uint8Array.of(1, 2, 3)] });
    const verifier = new SignatureVerifier(crypto);
    for (let at = 0; at < transaction.encoded.length; at += 7) {
      const altered = Uint8Array.from(transaction.encoded);
      altered[at]! ^= 1;
      let accepted = false;
      try {
        accepted = verifier.verify(decodeTransaction(altered), alice.signer.publicKey);
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^hypermesh\.transaction_(malformed|limit)$/) });
      }
      expect([at, accepted]).toEqual([at, false]);
    }
  });

  test('a verdict counts for the key that it was reached with', async () => {
    const transaction = await signed(alice, 1, { operations: [Uint8Array.of(1)] });
    let calls = 0;
    const verifier = new SignatureVerifier({ verifyHybrid: (...input) => (calls++, crypto.verifyHybrid(...input)) });
    const copy = structuredClone(alice.signer.publicKey);
    expect([alice.signer.publicKey, copy].map((key) => verifier.verify(transaction, key))).toEqual([true, true]);
    expect(calls).toBe(1);
    expect(verifier.verify(transaction, bob.signer.publicKey)).toBe(false);
    expect(verifier.verify(transaction, { ...alice.signer.publicKey, classical: bob.signer.publicKey.classical })).toBe(false);
    expect(calls).toBe(3);
  });

  test('has limits', async () => {
    const operations = (count: number, bytes: number): Uint8Array[] => Array.from({ length: count }, () => new Uint8Array(bytes));
    await expect(signed(alice, 1, { operations: [] })).rejects.toThrow(coded('hypermesh.transaction_limit'));
    await expect(signed(alice, 1, { operations: operations(OPERATION_COUNT_MAX + 1, 1) })).rejects.toThrow(
      coded('hypermesh.transaction_limit'),
    );
    await expect(signed(alice, 1, { operations: operations(2, TRANSACTION_BYTES_MAX / 2) })).rejects.toThrow(
      coded('hypermesh.transaction_limit'),
    );
    const most = await signed(alice, 1, { operations: operations(OPERATION_COUNT_MAX, 1000) });
    expect(decodeTransaction(most.encoded).body.operations).toHaveLength(OPERATION_COUNT_MAX);
    expect(() => decodeTransaction(new Uint8Array(TRANSACTION_BYTES_MAX + 1))).toThrow(coded('hypermesh.transaction_limit'));
    const zero = await signTransaction({ ...most.body, sequence: 0, operations: operations(1, 1) }, alice.signer);
    expect(() => decodeTransaction(zero.encoded)).toThrow(coded('hypermesh.transaction_malformed'));
  });
});

describe('batch', () => {
  test('round-trips; one bad transaction leaves its neighbours alone', async () => {
    const { encoded } = await signed(alice, 1, { operations: [Uint8Array.of(1)] });
    const batch = encodeBatch([encoded, Uint8Array.of(1), encoded]);
    expect(decodeBatch(batch)).toEqual([encoded, Uint8Array.of(1), encoded]);
    expect(decodeTransactions(batch).map((transaction) => transaction?.body.sequence)).toEqual([1, undefined, 1]);
    expect(batchDigest(batch)).not.toEqual(batchDigest(encodeBatch([encoded])));
  });

  test.each([
    ['no CBOR', Uint8Array.of(0xff)],
    [
      'too many transactions',
      encode(
        list(bytesUpTo(1), 10_000),
        Array.from({ length: BATCH_TRANSACTIONS_MAX + 1 }, () => Uint8Array.of(1)),
      ),
    ],
    ['too many bytes', new Uint8Array(ENCODED_BATCH_BYTES_MAX + 1)],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeBatch(bytes)).toThrow(coded('hypermesh.batch_malformed'));
  });
});
