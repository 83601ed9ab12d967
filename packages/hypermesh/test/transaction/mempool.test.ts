import type { HybridPublicKey } from '@hypermesh/stoq';
import { describe, expect, test } from 'vitest';
import { BATCH_BYTES_MAX, BATCH_TRANSACTIONS_MAX } from '../../src/transaction/batch.ts';
import {
  Mempool,
  MEMPOOL_BYTES_MAX,
  MEMPOOL_TRANSACTIONS_MAX,
  OWNER_BYTES_MAX,
  OWNER_TRANSACTIONS_MAX,
  STRANGERS_BYTES_MAX,
} from '../../src/transaction/mempool.ts';
import type { DecodedTransaction } from '../../src/transaction/transaction.ts';

const coded = (code: string): object => expect.objectContaining({ code });

describe('mempool', () => {
  const transaction = (owner: number, sequence: number, bytes = 100, key: HybridPublicKey | null = null): DecodedTransaction => {
    const id = Buffer.alloc(32);
    id.writeUInt32BE(owner, 0);
    id.writeUInt32BE(sequence, 4);
    const body = { meshId: id, owner: new Uint8Array(32).fill(owner), sequence, machine: 'mesh', operations: [], key };
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

  test('knows what it holds by its bytes', () => {
    const pool = new Mempool();
    const held = transaction(1, 1);
    pool.add(held, 0);
    expect(pool.has({ ...held, encoded: Uint8Array.from(held.encoded) })).toBe(true);
    expect(pool.has({ ...held, encoded: new Uint8Array(100).fill(1) })).toBe(false);
    expect([pool.has(transaction(1, 2)), pool.has(transaction(2, 1))]).toEqual([false, false]);
    pool.settle(held.body.owner, 1);
    expect(pool.has(held)).toBe(false);
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

  test.each([
    ['bytes', BATCH_BYTES_MAX / 4, 4],
    ['transactions', 100, BATCH_TRANSACTIONS_MAX],
  ])('a batch that %s fill leaves those first who were not served, and then those served longest ago', (_, bytes, count) => {
    const pool = new Mempool();
    const owners = [1, 2, 3, 4, 5, 6];
    for (const owner of owners) for (let sequence = 1; sequence <= count; sequence++) pool.add(transaction(owner, sequence, bytes), 0);
    const taken = Array.from({ length: 3 }, () => pool.takeBatch());
    expect(taken.map((batch) => batch.length)).toEqual([count, count, count]);
    if (count < owners.length)
      expect(
        taken
          .flatMap(names)
          .map((name) => name[0])
          .join(''),
      ).toBe('123456123456');
  });

  describe('of strangers', () => {
    const key = {} as HybridPublicKey;

    test('takes the first transaction of each only', () => {
      const pool = new Mempool();
      expect(() => pool.add(transaction(1, 2, 100, key), 0)).toThrow(coded('hypermesh.transaction_sequence'));
      pool.add(transaction(1, 1, 100, key), 0);
      expect(names(pool.takeBatch())).toEqual(['1/1']);
    });

    test('takes no more than the share of one member, and gives it back', () => {
      const pool = new Mempool();
      const bytes = STRANGERS_BYTES_MAX / 4;
      for (let owner = 1; owner <= 4; owner++) pool.add(transaction(owner, 1, bytes, key), 0);
      expect(() => pool.add(transaction(5, 1, bytes, key), 0)).toThrow(coded('hypermesh.mempool_full'));
      pool.add(transaction(6, 1, bytes), 0);
      pool.settle(new Uint8Array(32).fill(1), 1);
      pool.add(transaction(5, 1, bytes, key), 0);
      expect(pool.size).toBe(5);
    });
  });

  test('without room drops what waits behind a gap, and keeps what can be executed', () => {
    const pool = new Mempool();
    const bytes = OWNER_BYTES_MAX / 8;
    for (let owner = 0; owner < MEMPOOL_BYTES_MAX / OWNER_BYTES_MAX; owner++) {
      for (let sequence = 1; sequence <= 8; sequence++) pool.add(transaction(owner, sequence + (owner === 3 ? 1 : 0), bytes), 0);
    }
    pool.add(transaction(100, 1, bytes), 0);
    expect(pool.size).toBe(8 * 7 + 1);
    expect(names(pool.takeBatch()).some((name) => name.startsWith('3/'))).toBe(false);
    expect(pool.nextSequence(new Uint8Array(32).fill(3), 0)).toBe(1);
    expect(pool.nextSequence(new Uint8Array(32).fill(4), 0)).toBe(9);
  });
});
