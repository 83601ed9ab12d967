import { expect, test } from 'vitest';
import { type Block, chainBlockOf, genesisBlock, genesisCertificate } from '../../src/consensus/block.ts';
import { decodeTransactions } from '../../src/transaction/decoded-batch.ts';
import type { DecodedTransaction } from '../../src/transaction/transaction.ts';
import { BatchVault } from '../../src/validator/batch-vault.ts';
import { BlockStore } from '../../src/validator/block-store.ts';
import { temporaryDirectory } from '../executor/fixture.ts';

const idOf = (at: number): Uint8Array => new Uint8Array(32).fill(at);
const transactions = [1, 2].map((at) => ({ encoded: Uint8Array.of(at) }) as DecodedTransaction);

/** Commits a block that carries the batch, as the last of the chain. */
async function order(store: BlockStore, digest: Uint8Array): Promise<void> {
  const genesis = genesisBlock({ meshId: idOf(9), validatorCount: 4, time: 1, rootOfRoots: idOf(0) });
  const qc = { ...genesisCertificate(genesis), blockId: genesis.id, round: 0 };
  const block: Block = { ...genesis.block, round: 1, parent: qc, time: 2, batches: [digest] };
  await store.putFinal({ blocks: [chainBlockOf(block, idOf(1), genesis)], proof: { child: block, qc } });
}

test('gives transactions that are batched again after an order without effect a batch that can be ordered', async () => {
  const store = await BlockStore.open(await temporaryDirectory());
  const vault = new BatchVault({ store, verify: () => {} });
  const digests = new Set<string>();
  for (let turn = 0; turn < 3; turn++) {
    const { digest, encoded } = await vault.storeOwn(transactions);
    expect(await store.isOrdered(digest)).toBe(false);
    expect(decodeTransactions(encoded).length).toBe(transactions.length + Math.min(turn, 1));
    digests.add(Buffer.from(digest).toString('hex'));
    await order(store, digest);
  }
  expect(digests.size).toBe(3);
  await store.close();
});

test('makes the same batch of transactions whose batch still waits', async () => {
  const store = await BlockStore.open(await temporaryDirectory());
  const vault = new BatchVault({ store, verify: () => {} });
  const first = await vault.storeOwn(transactions);
  expect(await vault.storeOwn(transactions)).toEqual(first);
  await store.close();
});

test('reads again only what it had no room for, however often a batch is kept', async () => {
  const store = await BlockStore.open(await temporaryDirectory());
  const vault = new BatchVault({ store, verify: () => {} });
  const large = [{ encoded: new Uint8Array(1024 * 1024 - 8) } as DecodedTransaction];
  for (let copy = 0; copy < 100; copy++) await vault.storeOwn(large);
  const { digest } = await vault.storeOwn(transactions);
  expect(await vault.load(digest)).toBe(transactions);
  await store.close();
});

test('knows no final blocks above the last, up to the highest number that a caller can name', async () => {
  const store = await BlockStore.open(await temporaryDirectory());
  await order(store, idOf(5));
  expect((await store.finalAfter(0, 10))?.blocks.length).toBe(1);
  for (const height of [1, 2 ** 32, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER]) {
    expect(await store.finalAfter(height, 10)).toBeUndefined();
    expect(await store.blocksBetween(height, height + 1_024)).toEqual([]);
  }
  await store.close();
});
