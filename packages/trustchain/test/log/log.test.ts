import { createCrypto, type Crypto, equalBytes } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog, type Log, type LogComponents, type LogConfig, openLog } from '../../src/log/log.ts';
import { EMPTY_ROOT, leafHash, verifyConsistency, verifyInclusion } from '../../src/log/merkle.ts';
import type { LogReceipt } from '../../src/log/pending-entry.ts';
import { parseCheckpoint } from '../../src/note/checkpoint.ts';
import { type LogSigners, verifyLogSignatures } from '../../src/note/log-signature.ts';
import { createFolder, createLogSigners, createSteppedClock, entryOf, ORIGIN, removeFolders } from './fixtures.ts';

let crypto: Crypto;
let signers: LogSigners;
beforeAll(async () => {
  crypto = await createCrypto();
  signers = await createLogSigners(crypto);
});
afterAll(async () => {
  await crypto.close();
  await removeFolders();
});

const config = (directory: string): LogConfig => ({ directory, origin: ORIGIN, signers, keysOf: (entry) => [`n${entry[3]}`] });
const components = (): LogComponents => ({ crypto, clock: createSteppedClock() });

function proves(entry: Uint8Array, { index, size, proof, checkpoint }: LogReceipt, log: Log): boolean {
  const head = parseCheckpoint(checkpoint);
  verifyLogSignatures(head.note, log.keys, crypto);
  return head.size === size && verifyInclusion(leafHash(entry), index, size, proof, head.root);
}

describe('log', () => {
  test('starts empty, under a checkpoint of both keys', async () => {
    const log = await createLog(config(await createFolder()), components());
    const head = parseCheckpoint(log.checkpoint());
    expect(head).toMatchObject({ origin: ORIGIN, size: 0, root: EMPTY_ROOT });
    verifyLogSignatures(head.note, log.keys, crypto);
    await log.close();
  });

  test('acknowledges entries with proofs, finds them again, and survives reopening', async () => {
    const directory = await createFolder();
    let log = await createLog(config(directory), components());
    const entries = Array.from({ length: 700 }, (_, i) => entryOf(i));
    const receipts = await Promise.all(entries.map((entry) => log.add(entry)));
    expect(receipts.map(({ index }) => index)).toEqual(entries.map((_, i) => i));
    for (const [i, receipt] of receipts.entries()) expect(proves(entries[i] as Uint8Array, receipt, log)).toBe(true);
    const before = parseCheckpoint(log.checkpoint());
    await log.close();

    log = await openLog(config(directory), components());
    expect(log.size()).toBe(700);
    expect(equalBytes(parseCheckpoint(log.checkpoint()).root, before.root)).toBe(true);
    const again = await log.add(entries[300] as Uint8Array);
    expect(again.index).toBe(300);
    expect(proves(entries[300] as Uint8Array, again, log)).toBe(true);
    expect(await log.entry(299)).toEqual(entries[299]);
    expect(await log.entry(699)).toEqual(entries[699]);
    expect(await log.find('n7')).toBe(519);
    expect(await log.find('absent')).toBe(null);
    await log.add(entryOf(700));
    const after = parseCheckpoint(log.checkpoint());
    const proof = await log.consistency(700, 701);
    expect(verifyConsistency(700, before.root, 701, after.root, proof)).toBe(true);
    await log.close();
  });
});
