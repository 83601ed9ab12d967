import { spawn } from 'node:child_process';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Client, createCrypto, type Crypto, equalBytes, systemClock } from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogFiles, type LogFiles } from '../../src/log/files.ts';
import { createLog, type Log, type LogConfig, openLog } from '../../src/log/log.ts';
import { leafHash, verifyConsistency, verifyInclusion } from '../../src/log/merkle.ts';
import { EMPTY_TREE, growTree, rootOf } from '../../src/log/tree.ts';
import { type Checkpoint, parseCheckpoint } from '../../src/note/checkpoint.ts';
import type { LogSigners } from '../../src/note/log-signature.ts';
import type { WitnessMethods } from '../../src/witness/contract.ts';
import { createWitness, createWitnessHandlers } from '../../src/witness/witness.ts';
import { createWitnessQuorum } from '../../src/witness/witness-quorum.ts';
import type { CheckpointWitnesses } from '../../src/log/commit.ts';
import { createFolder, createLogSigners, entryOf, ORIGIN, readLogSigners, removeFolders, writeLogPairs } from './fixtures.ts';

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

const config = (directory: string): LogConfig => ({ directory, origin: ORIGIN, signers });
const clock = new SteppedClock();
const refusal = (suffix: string) => expect.objectContaining({ code: `trustchain.${suffix}` });
const rootAt = (size: number): Uint8Array =>
  rootOf(
    growTree(
      EMPTY_TREE,
      Array.from({ length: size }, (_, i) => leafHash(entryOf(i))),
    ).tree,
  );

/** The disk fails at one durable step, before or after it has taken effect, and at every one that follows. */
function failingFiles(directory: string, failAt: number, taken: boolean): LogFiles & { steps(): number } {
  const files = createLogFiles(directory);
  let step = 0;
  const run = async (effect: () => Promise<void>): Promise<void> => {
    const own = step++;
    if (own < failAt || (own === failAt && taken)) await effect();
    if (own >= failAt) throw new Error('disk failure');
  };
  return {
    read: (path) => files.read(path),
    replace: (path, bytes) => run(() => files.replace(path, bytes)),
    remove: (path) => run(() => files.remove(path)),
    steps: () => step,
  };
}

/** A witness with a memory of its own: whoever forks the log loses its cosignature for good. */
async function createMemoryWitness(): Promise<CheckpointWitnesses> {
  const pair = await crypto.generateKeyPair('ml-dsa-44');
  const signer = crypto.createSigner(pair);
  let held: Checkpoint | null = null;
  const store = { read: async () => held, write: async (head: Checkpoint) => void (held = head) };
  const keys = { origin: ORIGIN, classical: signers.classical.publicKey, postQuantum: signers.postQuantum.publicKey };
  const witness = createWitness({ name: 'w', logs: [keys] }, { store, signer, crypto, clock });
  const handlers = createWitnessHandlers({ witness, name: 'w', signer, policyOf: () => null });
  const context = { signal: new AbortController().signal } as never;
  const client: Client<WitnessMethods> = {
    cosign: (request) => handlers.cosign(request, context),
    policy: (request) => handlers.policy(request, context),
  };
  return createWitnessQuorum([{ name: 'w', key: pair.publicKey, client }], 1, { crypto, clock });
}

// 250 entries are published; ten more cross the end of the first tile.
const BEFORE = 250;
const AFTER = 260;

async function createBase(witnesses: CheckpointWitnesses): Promise<string> {
  const directory = await createFolder();
  const log = await createLog(config(directory), { crypto, clock, witnesses: () => witnesses });
  await Promise.all(Array.from({ length: BEFORE }, (_, i) => log.add(entryOf(i))));
  await log.close();
  return directory;
}

async function expectIntact(log: Log, sizes: readonly number[]): Promise<void> {
  const head = parseCheckpoint(log.checkpoint());
  expect(sizes).toContain(head.size);
  expect(equalBytes(head.root, rootAt(head.size))).toBe(true);
  expect(verifyConsistency(BEFORE, rootAt(BEFORE), head.size, head.root, await log.consistency(BEFORE, head.size))).toBe(true);
}

describe('a failure at each durable step of a commit', () => {
  // Staging, two bundles, three tiles, the checkpoint; then the staged batch, a tile and a bundle are swept.
  const STEPS = 10;
  const cases = Array.from({ length: STEPS }, (_, step) => [false, true].map((taken) => [step, taken] as const)).flat();

  test.each(cases)('step %i, taken %s: reopening leads to the same tree, and witnesses go along', async (step, taken) => {
    const witness = await createMemoryWitness();
    const directory = await createBase(witness);
    const files = failingFiles(directory, step, taken);
    const broken = await openLog(config(directory), { crypto, clock, files, witnesses: () => witness });
    const outcomes = await Promise.allSettled(Array.from({ length: AFTER - BEFORE }, (_, i) => broken.add(entryOf(BEFORE + i))));
    const acknowledged = outcomes.some(({ status }) => status === 'fulfilled');
    await broken.close();

    const log = await openLog(config(directory), { crypto, clock, witnesses: () => witness });
    await expectIntact(log, acknowledged ? [AFTER] : [BEFORE, AFTER]);
    const receipts = await Promise.all(Array.from({ length: AFTER + 5 }, (_, i) => log.add(entryOf(i))));
    expect(receipts.map(({ index }) => index)).toEqual(receipts.map((_, i) => i));
    const head = parseCheckpoint(log.checkpoint());
    expect(head.note.signatures).toHaveLength(3);
    for (const { index, size, proof } of receipts.filter((receipt) => receipt.size === head.size)) {
      expect(verifyInclusion(leafHash(entryOf(index)), index, size, proof, head.root)).toBe(true);
    }
    await log.close();
    const stale = (await readdir(directory, { recursive: true })).filter((path) => path.includes('000.p') || path === 'staged');
    expect(stale.filter((path) => !path.startsWith('tile/1'))).toEqual([]);
  });

  test('the steps of the table are all there are', async () => {
    const witness = await createMemoryWitness();
    const directory = await createBase(witness);
    const files = failingFiles(directory, Infinity, true);
    const log = await openLog(config(directory), { crypto, clock, files, witnesses: () => witness });
    await Promise.all(Array.from({ length: AFTER - BEFORE }, (_, i) => log.add(entryOf(BEFORE + i))));
    await log.close();
    expect(files.steps()).toBe(STEPS);
  });
});

describe('damage on disk', () => {
  let base: string;
  beforeAll(async () => {
    base = await createFolder();
    const log = await createLog(config(base), { crypto, clock });
    await Promise.all(Array.from({ length: 600 }, (_, i) => log.add(entryOf(i))));
    await log.close();
  });
  const damaged = async (path: string, change: (bytes: Buffer) => Uint8Array | null): Promise<string> => {
    const directory = await createFolder();
    await cp(base, directory, { recursive: true });
    const bytes = change(await readFile(join(directory, path)));
    if (bytes === null) await rm(join(directory, path));
    else await writeFile(join(directory, path), bytes);
    return directory;
  };
  const flip = (bytes: Buffer): Uint8Array => bytes.with(33, (bytes[33] as number) ^ 1);
  const open = (directory: string): Promise<Log> => openLog(config(directory), { crypto, clock });

  test.each([
    ['the checkpoint changed', 'checkpoint', flip],
    ['a partial tile changed', 'tile/0/002.p/88', flip],
    ['a partial tile cut', 'tile/0/002.p/88', (bytes: Buffer) => bytes.subarray(32)],
    ['a partial tile missing', 'tile/1/000.p/2', () => null],
    ['the last entries changed', 'tile/entries/002.p/88', flip],
    ['the last entries cut', 'tile/entries/002.p/88', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['the last entries missing', 'tile/entries/002.p/88', () => null],
  ] as const)('%s: the log does not open', async (_, path, change) => {
    await expect(open(await damaged(path, change))).rejects.toThrow(refusal('log_corrupt'));
  });

  test.each([
    ['a full tile changed', 'tile/0/001', flip, (log: Log) => log.receipt(300)],
    ['a full tile missing', 'tile/0/001', () => null, (log: Log) => log.consistency(300, 600)],
    ['full entries changed', 'tile/entries/000', flip, (log: Log) => log.entry(0)],
    ['full entries missing', 'tile/entries/000', () => null, (log: Log) => log.read('tile/entries/000.p/3')],
  ] as const)('%s: whoever reads it hears so', async (_, path, change, read) => {
    const log = await open(await damaged(path, change));
    await expect(read(log)).rejects.toThrow(refusal('log_corrupt'));
    await log.close();
  });

  test.each([
    ['torn', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['changed', flip],
    ['empty', () => new Uint8Array()],
  ])('a staged batch that is %s: the log does not open', async (_, change) => {
    const witness: CheckpointWitnesses = { cosign: () => Promise.reject(new Error('offline')) };
    const directory = await createFolder();
    const log = await createLog(config(directory), { crypto, clock, witnesses: () => witness });
    await expect(log.add(entryOf(1))).rejects.toThrow('offline');
    await log.close();
    const path = join(directory, 'staged');
    await writeFile(path, change(await readFile(path)));
    await expect(open(directory)).rejects.toThrow(refusal('log_corrupt'));
  });

  test('a staged batch that starts elsewhere: the log does not open', async () => {
    const witness: CheckpointWitnesses = { cosign: () => Promise.reject(new Error('offline')) };
    const directory = await createFolder();
    const log = await createLog(config(directory), { crypto, clock, witnesses: () => witness });
    await expect(log.add(entryOf(1))).rejects.toThrow('offline');
    await log.close();
    const copy = await damaged('checkpoint', (bytes) => bytes);
    const staged = await readFile(join(directory, 'staged'));
    await writeFile(join(copy, 'staged'), staged);
    // One entry from index 0: published long ago, so it is left alone.
    await (await open(copy)).close();
    const empty = await createFolder();
    await (await createLog(config(empty), { crypto, clock })).close();
    await cp(join(base, 'checkpoint'), join(directory, 'checkpoint'));
    await expect(open(directory)).rejects.toThrow(refusal('log_corrupt'));
  });

  test('another log of the same keys is refused', async () => {
    const open = openLog({ ...config(base), origin: 'trust.mesh/packages' }, { crypto, clock });
    await expect(open).rejects.toThrow(refusal('log_corrupt'));
  });

  test.each([
    ['missing', async (directory: string) => rm(join(directory, 'index'), { recursive: true })],
    [
      'of a longer log',
      async (directory: string) => {
        const longer = await createFolder();
        const log = await createLog(config(longer), { crypto, clock });
        await Promise.all(Array.from({ length: 700 }, (_, i) => log.add(entryOf(10_000 + i))));
        await log.close();
        await rm(join(directory, 'index'), { recursive: true });
        await cp(join(longer, 'index'), join(directory, 'index'), { recursive: true });
      },
    ],
  ])('an index that is %s is made anew', async (_, damage) => {
    const directory = await damaged('checkpoint', (bytes) => bytes);
    await damage(directory);
    const log = await open(directory);
    expect((await log.add(entryOf(123))).index).toBe(123);
    expect((await log.add(entryOf(10_001))).index).toBe(600);
    await log.close();
  });
});

test('kill -9 while appending: nothing acknowledged is lost, no gap, the same log goes on', { timeout: 60_000 }, async () => {
  const directory = await createFolder();
  const keyFile = join(await createFolder(), 'keys');
  const text = await writeLogPairs(crypto);
  await writeFile(keyFile, text);
  const own = readLogSigners(text, crypto);
  const acknowledged = new Map<number, number>();
  let published: Checkpoint = { origin: ORIGIN, size: 0, root: rootAt(0) };
  for (const kill of [20, 45, 70]) {
    const child = spawn(
      process.execPath,
      [
        '--conditions=@hypermesh/source',
        fileURLToPath(new URL('appender.entry.ts', import.meta.url)),
        directory,
        keyFile,
        String(acknowledged.size * 100),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const ended = new Promise((resolve) => child.once('exit', resolve));
    for await (const line of createInterface({ input: child.stdout })) {
      const [n, index] = line.split(' ').map(Number) as [number, number];
      acknowledged.set(n, index);
      if (acknowledged.size >= kill) child.kill('SIGKILL');
    }
    await ended;
    const log = await openLog({ directory, origin: ORIGIN, signers: own }, { crypto, clock: systemClock });
    const head = parseCheckpoint(log.checkpoint());
    const proof = await log.consistency(published.size, head.size);
    expect(verifyConsistency(published.size, published.root, head.size, head.root, proof)).toBe(true);
    for (const [n, index] of acknowledged) expect(await log.entry(index)).toEqual(entryOf(n));
    published = head;
    await log.close();
  }
  expect(acknowledged.size).toBeGreaterThanOrEqual(70);
});
