import { createCrypto, type Crypto, equalBytes } from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CheckpointWitnesses } from '../../src/log/commit.ts';
import { createLog, type Log, type LogComponents, type LogConfig, openLog } from '../../src/log/log.ts';
import { EMPTY_ROOT, leafHash, verifyConsistency, verifyInclusion } from '../../src/log/merkle.ts';
import { type LogReceipt, QUEUED_ENTRIES_MAX } from '../../src/log/pending-entry.ts';
import { decodeEntries, ENTRY_BYTES_MAX } from '../../src/log/tile.ts';
import { parseCheckpoint } from '../../src/note/checkpoint.ts';
import { type LogSigners, verifyLogSignatures } from '../../src/note/log-signature.ts';
import { trustError } from '../../src/errors.ts';
import { createFolder, createLogSigners, entryOf, ORIGIN, removeFolders } from './fixtures.ts';

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
const components = (change: Partial<LogComponents> = {}): LogComponents => ({ crypto, clock: new SteppedClock(), ...change });
const refusal = (suffix: string) => expect.objectContaining({ code: `trustchain.${suffix}` });
const entriesOf = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => entryOf(i));

function proves(entry: Uint8Array, { index, size, proof, checkpoint }: LogReceipt, log: Log): boolean {
  const head = parseCheckpoint(checkpoint);
  verifyLogSignatures(head.note, log.keys, crypto);
  return head.size === size && verifyInclusion(leafHash(entry), index, size, proof, head.root);
}

describe('a new log', () => {
  test('is empty, under a checkpoint of both keys', async () => {
    const log = await createLog(config(await createFolder()), components());
    const head = parseCheckpoint(log.checkpoint());
    expect(head).toMatchObject({ origin: ORIGIN, size: 0, root: EMPTY_ROOT });
    verifyLogSignatures(head.note, log.keys, crypto);
    await log.close();
  });

  test('is not made over one that is there, nor opened where none is', async () => {
    const directory = await createFolder();
    await expect(openLog(config(directory), components())).rejects.toThrow(refusal('log_missing'));
    const log = await createLog(config(directory), components());
    await expect(createLog(config(directory), components())).rejects.toThrow(refusal('log_exists'));
    await expect(openLog(config(directory), components())).rejects.toThrow(refusal('log_locked'));
    await log.close();
  });
});

describe('appending', () => {
  test('acknowledges entries in order with proofs, finds them again, and survives reopening', async () => {
    const directory = await createFolder();
    let log = await createLog(config(directory), components());
    const entries = entriesOf(700);
    const receipts = await Promise.all(entries.map((entry) => log.add(entry)));
    expect(receipts.map(({ index }) => index)).toEqual(entries.map((_, i) => i));
    for (const [i, receipt] of receipts.entries()) expect(proves(entries[i] as Uint8Array, receipt, log)).toBe(true);
    const before = parseCheckpoint(log.checkpoint());
    await log.close();

    log = await openLog(config(directory), components());
    expect(log.size()).toBe(700);
    expect(equalBytes(parseCheckpoint(log.checkpoint()).root, before.root)).toBe(true);
    expect(await log.entry(299)).toEqual(entries[299]);
    expect(await log.entry(699)).toEqual(entries[699]);
    expect(await log.find('n7')).toBe(519);
    expect(await log.find('absent')).toBe(null);
    expect(proves(entries[5] as Uint8Array, await log.receipt(5), log)).toBe(true);
    await log.add(entryOf(700));
    const after = parseCheckpoint(log.checkpoint());
    expect(verifyConsistency(700, before.root, 701, after.root, await log.consistency(700, 701))).toBe(true);
    await log.close();
  });

  test('answers the same bytes with the first entry: at once, while it is queued, and after reopening', async () => {
    const directory = await createFolder();
    let log = await createLog(config(directory), components());
    const queued = await Promise.all([log.add(entryOf(1)), log.add(entryOf(2)), log.add(entryOf(1))]);
    expect(queued.map(({ index }) => index)).toEqual([0, 1, 0]);
    expect((await log.add(entryOf(2))).index).toBe(1);
    await log.close();
    log = await openLog(config(directory), components());
    const again = await log.add(entryOf(1));
    expect(again.index).toBe(0);
    expect(proves(entryOf(1), again, log)).toBe(true);
    expect(log.size()).toBe(2);
    await log.close();
  });

  test('does not depend on the memory of the caller', async () => {
    const log = await createLog(config(await createFolder()), components());
    const entry = entryOf(1);
    const added = log.add(entry);
    entry.fill(9);
    await added;
    expect(await log.entry(0)).toEqual(entryOf(1));
    await log.close();
  });

  test.each([
    ['an empty entry', 0],
    ['an entry over the limit', ENTRY_BYTES_MAX + 1],
  ])('%s is refused', async (_, bytes) => {
    const log = await createLog(config(await createFolder()), components());
    await expect(log.add(new Uint8Array(bytes))).rejects.toThrow(refusal('entry_malformed'));
    await log.close();
  });

  test('more entries than may wait are refused, and none of the others is lost', async () => {
    const log = await createLog(config(await createFolder()), components());
    const outcomes = await Promise.allSettled(entriesOf(QUEUED_ENTRIES_MAX + 3).map((entry) => log.add(entry)));
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused.map((outcome) => (outcome as PromiseRejectedResult).reason)).toEqual(Array(3).fill(refusal('log_overload')));
    expect(log.size()).toBe(QUEUED_ENTRIES_MAX);
    expect(equalBytes(await log.entry(QUEUED_ENTRIES_MAX - 1), entryOf(QUEUED_ENTRIES_MAX - 1))).toBe(true);
    await log.close();
  });

  test('a caller may give up; the entry is added nevertheless', async () => {
    const log = await createLog(config(await createFolder()), components());
    const aborted = AbortSignal.abort(trustError('trustchain.log_closed'));
    await expect(log.add(entryOf(1), { signal: aborted })).rejects.toThrow(refusal('log_closed'));
    const late = new AbortController();
    const added = log.add(entryOf(2), { signal: late.signal });
    late.abort(trustError('trustchain.log_closed'));
    await expect(added).rejects.toThrow(refusal('log_closed'));
    expect((await log.add(entryOf(2))).index).toBe(1);
    await log.close();
  });

  test('a closed log takes nothing', async () => {
    const log = await createLog(config(await createFolder()), components());
    await log.close();
    await log.close();
    await expect(log.add(entryOf(1))).rejects.toThrow(refusal('log_closed'));
    await expect(log.refresh()).rejects.toThrow(refusal('log_closed'));
    await expect(log.find('n1')).rejects.toThrow(refusal('log_closed'));
  });
});

describe('reading', () => {
  let log: Log;
  beforeAll(async () => {
    log = await createLog(config(await createFolder()), components());
    await Promise.all(entriesOf(300).map((entry) => log.add(entry)));
    await Promise.all(entriesOf(600).map((entry) => log.add(entry)));
  });
  afterAll(() => log.close());

  test.each([
    ['tile/0/000', 256 * 32],
    ['tile/0/001', 256 * 32],
    ['tile/0/002.p/88', 88 * 32],
    ['tile/0/002.p/7', 7 * 32],
    ['tile/0/001.p/44', 44 * 32],
    ['tile/1/000.p/2', 2 * 32],
  ])('%s has %i bytes', async (path, bytes) => {
    expect(await log.read(path)).toHaveLength(bytes);
  });

  test.each([
    ['tile/entries/000', 0, 256],
    ['tile/entries/001.p/44', 256, 300],
    ['tile/entries/002.p/88', 512, 600],
    ['tile/entries/002.p/3', 512, 515],
  ])('%s holds its entries, which hash to the tile of level 0', async (path, begin, end) => {
    const entries = decodeEntries(await log.read(path));
    expect(entries).toEqual(entriesOf(600).slice(begin, end));
    const hashes = await log.read(path.replace('entries', '0'));
    expect(Buffer.concat(entries.map(leafHash)).equals(hashes)).toBe(true);
  });

  test('the checkpoint is the published one', async () => {
    expect(await log.read('checkpoint')).toEqual(log.checkpoint());
  });

  test.each([
    'tile/0/002',
    'tile/0/002.p/89',
    'tile/0/003.p/1',
    'tile/1/000.p/3',
    'tile/2/000.p/1',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/0',
    'tile/00/000',
    'tile/7/000',
    'tile/64/000',
    'tile/0/x000/000',
    'tile/entries/x001/000',
    'tile/0/../../staged',
    '/checkpoint',
    'index/CURRENT',
    'staged',
    '',
  ])('%j is refused', async (path) => {
    await expect(log.read(path)).rejects.toThrow(refusal('log_range'));
  });

  test('indexes and sizes outside are refused', async () => {
    await expect(log.entry(600)).rejects.toThrow(refusal('log_range'));
    await expect(log.receipt(-1)).rejects.toThrow(refusal('log_range'));
    await expect(log.consistency(3, 601)).rejects.toThrow(refusal('log_range'));
    await expect(log.consistency(4, 3)).rejects.toThrow(refusal('log_range'));
  });
});

describe('witnesses', () => {
  test('a batch without a quorum is not published; it is tried again and keeps its indexes', async () => {
    const directory = await createFolder();
    const clock = new SteppedClock();
    let online = false;
    const asked: number[] = [];
    const witnesses: CheckpointWitnesses = {
      async cosign(request) {
        asked.push(request.size);
        await request.proveFrom(0);
        if (!online) throw trustError('trustchain.witness_quorum_missing');
        return [{ name: 'w', keyId: 7, bytes: Uint8Array.of(1) }];
      },
    };
    let log = await createLog(config(directory), components({ clock, witnesses: () => witnesses }));
    await expect(log.add(entryOf(1))).rejects.toThrow(refusal('witness_quorum_missing'));
    // Witnesses may have seen the first batch, so whatever comes next waits behind it.
    await expect(log.add(entryOf(2))).rejects.toThrow(refusal('witness_quorum_missing'));
    expect([asked, log.size()]).toEqual([[1, 1], 0]);
    await log.close();

    log = await openLog(config(directory), components({ clock, witnesses: () => witnesses }));
    expect(asked).toEqual([1, 1, 1]);
    expect(log.size()).toBe(0);
    const second = log.add(entryOf(2));
    const again = log.add(entryOf(1));
    await expect(second).rejects.toThrow(refusal('witness_quorum_missing'));
    await expect(again).rejects.toThrow(refusal('witness_quorum_missing'));
    online = true;
    const waiting = log.add(entryOf(1));
    clock.step(1000);
    const receipt = await waiting;
    expect([receipt.index, proves(entryOf(1), receipt, log)]).toEqual([0, true]);
    expect((await log.add(entryOf(3))).index).toBe(1);
    expect(asked.at(-1)).toBe(2);
    expect(parseCheckpoint(log.checkpoint()).note.signatures).toHaveLength(3);
    await log.close();
  });

  test('a refresh publishes the same tree under the policy of now', async () => {
    let demanded = false;
    const cosignature = { name: 'w', keyId: 7, bytes: Uint8Array.of(1) };
    const witnesses: CheckpointWitnesses = { cosign: async () => [cosignature] };
    const log = await createLog(config(await createFolder()), components({ witnesses: () => (demanded ? witnesses : null) }));
    await log.add(entryOf(1));
    const before = parseCheckpoint(log.checkpoint());
    demanded = true;
    const after = parseCheckpoint(await log.refresh());
    expect(after.size).toBe(1);
    expect(equalBytes(after.root, before.root)).toBe(true);
    expect(after.note.signatures.at(-1)).toEqual(cosignature);
    await log.close();
  });
});
