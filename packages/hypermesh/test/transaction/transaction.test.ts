import { type Crypto, createCrypto, encode, list, bytesUpTo } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BATCH_TRANSACTIONS_MAX, batchDigest, decodeBatch, ENCODED_BATCH_BYTES_MAX, encodeBatch } from '../../src/transaction/batch.ts';
import { decodeTransactions } from '../../src/transaction/decoded-batch.ts';
import {
  Mempool,
  MEMPOOL_BYTES_MAX,
  MEMPOOL_TRANSACTIONS_MAX,
  OWNER_BYTES_MAX,
  OWNER_TRANSACTIONS_MAX,
} from '../../src/transaction/mempool.ts';
import { SignatureVerifier } from '../../src/transaction/signature-verifier.ts';
import {
  type DecodedTransaction,
  decodeTransaction,
  OPERATION_COUNT_MAX,
  signTransaction,
  TRANSACTION_BYTES_MAX,
} from '../../src/transaction/transaction.ts';
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

describe('mempool', () => {
  const transaction = (owner: number, sequence: number, bytes = 100): DecodedTransaction => {
    const id = Buffer.alloc(32);
    id.writeUInt32BE(owner, 0);
    id.writeUInt32BE(sequence, 4);
    const body = { meshId: id, owner: new Uint8Array(32).fill(owner), sequence, machine: 'mesh', operations: [], key: null };
    return { body, signature: undefined as never, id, encoded: new Uint8Array(bytes), signedBytes: id };
  };
  const names = (batch: readonly DecodedTransaction[]): string[] => batch.map(({ body }) => `${body.owner[0]}/${body.sequence}`);

  test('takes owners in turn and sequences in order, without gaps', () => {
    const pool = new Mempool();
    for (const [owner, sequence] of [
      [1, 2],
      [1, 1],
      [2, 1],
      [1, 4],
      [3, 2],
    ] as const)
      pool.add(transaction(owner, sequence), 0);
    expect(pool.nextSequence(new Uint8Array(32).fill(1), 0)).toBe(3);
    expect(names(pool.takeBatch())).toEqual(['1/1', '2/1', '1/2']);
    expect(pool.takeBatch()).toEqual([]);
    pool.add(transaction(1, 3), 0);
    expect(names(pool.takeBatch())).toEqual(['1/3', '1/4']);
    expect(pool.size).toBe(6);
  });

  test('forgets what was executed, here or elsewhere', () => {
    const pool = new Mempool();
    for (const sequence of [1, 2, 3]) pool.add(transaction(1, sequence), 0);
    pool.settle(new Uint8Array(32).fill(1), 2);
    pool.settle(new Uint8Array(32).fill(9), 2);
    expect([names(pool.takeBatch()), pool.size, pool.bytes]).toEqual([['1/3'], 1, 100]);
    pool.drop(transaction(1, 3));
    pool.drop(transaction(9, 3));
    expect([pool.size, pool.bytes]).toEqual([0, 0]);
  });

  test('batches again what was ordered without effect', () => {
    const pool = new Mempool();
    for (const sequence of [1, 2, 3]) pool.add(transaction(1, sequence), 0);
    expect(names(pool.takeBatch())).toHaveLength(3);
    pool.release(transaction(1, 2));
    pool.release(transaction(7, 2));
    expect(names(pool.takeBatch())).toEqual(['1/2', '1/3']);
  });

  test('refuses copies, used and far sequences', () => {
    const pool = new Mempool();
    expect([pool.add(transaction(1, 5), 4), pool.add(transaction(1, 5), 4)]).toEqual([true, false]);
    const rival = { ...transaction(1, 5), id: new Uint8Array(32) };
    for (const refused of [rival, transaction(1, 4), transaction(1, 5 + OWNER_TRANSACTIONS_MAX)]) {
      expect(() => pool.add(refused, 4)).toThrow(coded('hypermesh.transaction_sequence'));
    }
  });

  test('bounds the share of an owner and the whole', () => {
    const full = coded('hypermesh.mempool_full');
    const pool = new Mempool();
    for (let sequence = 1; sequence <= OWNER_TRANSACTIONS_MAX; sequence++) pool.add(transaction(0, sequence), 0);
    expect(() => pool.add(transaction(0, OWNER_TRANSACTIONS_MAX + 1), 1)).toThrow(full);
    const owners = MEMPOOL_TRANSACTIONS_MAX / OWNER_TRANSACTIONS_MAX;
    for (let owner = 1; owner < owners; owner++) {
      for (let sequence = 1; sequence <= OWNER_TRANSACTIONS_MAX; sequence++) pool.add(transaction(owner, sequence), 0);
    }
    expect(() => pool.add(transaction(owners, 1), 0)).toThrow(full);
    const large = new Mempool();
    const step = OWNER_BYTES_MAX / 8;
    for (let owner = 0; owner < MEMPOOL_BYTES_MAX / OWNER_BYTES_MAX; owner++) {
      for (let sequence = 1; sequence <= 8; sequence++) large.add(transaction(owner, sequence, step), 0);
      expect(() => large.add(transaction(owner, 9, 1), 0)).toThrow(full);
    }
    expect(() => large.add(transaction(200, 1, 1), 0)).toThrow(full);
  });

  test('a full batch serves those first who were not served last', () => {
    const pool = new Mempool();
    for (const owner of [1, 2, 3]) {
      for (let sequence = 1; sequence <= BATCH_TRANSACTIONS_MAX; sequence++) pool.add(transaction(owner, sequence), 0);
    }
    const first = names(pool.takeBatch());
    expect(first).toHaveLength(BATCH_TRANSACTIONS_MAX);
    expect(first.at(-1)).toMatch(/^2/);
    expect(names(pool.takeBatch())[0]).toMatch(/^3/);
  });
});
