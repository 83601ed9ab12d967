import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blobDigest, type BlobStore, createBlobStore } from '@hypermesh/stoq';
import { BLOB_CHARGE_BYTES_MIN } from '../../src/blob/store.ts';

const CHARGE = BLOB_CHARGE_BYTES_MIN;

describe('blob store', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stoq blobs '));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const opened = async (quotaBytes = 1024 * 1024): Promise<BlobStore> => {
    const store = createBlobStore({ directory, quotaBytes });
    await store.start();
    return store;
  };
  const bytesOf = (length: number, fill = 7): Uint8Array => new Uint8Array(length).fill(fill);
  const pathOf = (digest: Uint8Array): string => {
    const name = Buffer.from(digest).toString('hex');
    return join(directory, 'blobs', name.slice(0, 2), name);
  };
  const partial = (): Promise<string[]> => readdir(join(directory, 'partial'));

  async function* pieces(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
    yield* parts;
  }

  async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
    const found: Uint8Array[] = [];
    for await (const piece of source) found.push(piece);
    return found;
  }

  it('keeps bytes under their digest, for its owner only', async () => {
    const store = await opened();
    const bytes = bytesOf(100_000);
    const stored = await store.put(bytes);
    expect(stored).toEqual({ digest: blobDigest(bytes), sizeBytes: 100_000 });
    expect([store.has(stored.digest), store.sizeOf(stored.digest)]).toEqual([true, 100_000]);
    expect(await store.get(stored.digest, { bytesMax: 100_000 })).toEqual(bytes);
    expect((await stat(pathOf(stored.digest))).mode & 0o777).toBe(0o400);
    expect(await partial()).toEqual([]);
  });

  it('keeps a stream, and the empty blob', async () => {
    const store = await opened();
    const { digest } = await store.put(pieces(bytesOf(70_000), new Uint8Array(), bytesOf(5)));
    expect(digest).toEqual(blobDigest(bytesOf(70_005)));
    const empty = await store.put(pieces());
    expect(await store.get(empty.digest, { bytesMax: 0 })).toEqual(new Uint8Array());
    expect(await collect(store.read(empty.digest, { pieceBytes: 10 }))).toEqual([]);
  });

  it('reads pieces from anywhere', async () => {
    const store = await opened();
    const { digest } = await store.put(Uint8Array.of(0, 1, 2, 3, 4, 5));
    expect(await collect(store.read(digest, { pieceBytes: 4 }))).toEqual([Uint8Array.of(0, 1, 2, 3), Uint8Array.of(4, 5)]);
    expect(await collect(store.read(digest, { offset: 3, pieceBytes: 3 }))).toEqual([Uint8Array.of(3, 4, 5)]);
    expect(await collect(store.read(digest, { offset: 9, pieceBytes: 3 }))).toEqual([]);
  });

  it('has nothing that was not put', async () => {
    const store = await opened();
    const digest = blobDigest(bytesOf(1));
    expect([store.has(digest), store.sizeOf(digest), await store.delete(digest)]).toEqual([false, undefined, false]);
    await expect(store.get(digest, { bytesMax: 1 })).rejects.toMatchObject({ code: 'stoq.blob_missing' });
    await expect(collect(store.read(digest, { pieceBytes: 1 }))).rejects.toMatchObject({ code: 'stoq.blob_missing' });
  });

  it('does not read again what it has', async () => {
    const store = await opened();
    const { digest } = await store.put(bytesOf(10));
    const unread = (async function* (): AsyncGenerator<Uint8Array> {
      expect.unreachable('nothing is read');
      yield new Uint8Array();
    })();
    expect(await store.put(unread, { digest })).toEqual({ digest, sizeBytes: 10 });
  });

  it.each([
    ['a digest that does not match', { digest: blobDigest(Uint8Array.of(1)) }, 'stoq.blob_corrupt'],
    ['too many bytes', { bytesMax: 9 }, 'stoq.blob_too_large'],
  ])('refuses %s and leaves nothing', async (_what, options, code) => {
    const store = await opened();
    await expect(store.put(pieces(bytesOf(5), bytesOf(5)), options)).rejects.toMatchObject({ code });
    expect([await partial(), store.usedBytes()]).toEqual([[], 0]);
  });

  it('leaves nothing of a source that fails or a put that is cancelled', async () => {
    const store = await opened();
    const failing = (async function* (): AsyncGenerator<Uint8Array> {
      yield bytesOf(10);
      throw new RangeError('peer gone');
    })();
    await expect(store.put(failing)).rejects.toThrow('peer gone');
    await expect(store.put(bytesOf(10), { signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
    const { digest } = await store.put(bytesOf(10));
    await expect(store.get(digest, { bytesMax: 10, signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
    expect([await partial(), store.usedBytes()]).toEqual([[], CHARGE]);
  });

  it('keeps within its quota, whatever is under way, and frees what is deleted', async () => {
    const store = await opened(3 * CHARGE);
    const first = await store.put(bytesOf(2 * CHARGE));
    await expect(store.put(bytesOf(CHARGE + 1))).rejects.toMatchObject({ code: 'stoq.blob_store_full', retryable: true });
    const gate = Promise.withResolvers<void>();
    const slow = (async function* (): AsyncGenerator<Uint8Array> {
      yield bytesOf(1, 1);
      await gate.promise;
    })();
    const putting = store.put(slow);
    for (let used = 0; used < 3 * CHARGE; used = store.usedBytes()) await new Promise(setImmediate);
    await expect(store.put(bytesOf(1, 2))).rejects.toMatchObject({ code: 'stoq.blob_store_full' });
    gate.resolve();
    await putting;
    expect(store.usedBytes()).toBe(3 * CHARGE);
    expect(await store.delete(first.digest)).toBe(true);
    expect(store.usedBytes()).toBe(CHARGE);
    await store.put(bytesOf(2 * CHARGE, 3));
  });

  it('keeps one copy of what is put several times at once', async () => {
    const store = await opened(20 * CHARGE);
    const stored = await Promise.all(Array.from({ length: 8 }, () => store.put(pieces(bytesOf(10), bytesOf(CHARGE)))));
    expect(new Set(stored.map(({ digest }) => Buffer.from(digest).toString('hex'))).size).toBe(1);
    expect([store.usedBytes(), await partial()]).toEqual([CHARGE + 10, []]);
  });

  it('refuses a blob above the limit of the reader', async () => {
    const store = await opened();
    const { digest } = await store.put(bytesOf(11));
    await expect(store.get(digest, { bytesMax: 10 })).rejects.toMatchObject({ code: 'stoq.blob_too_large', data: { sizeBytes: 11 } });
  });

  it.each([
    ['altered', (path: string) => writeFile(path, bytesOf(100, 8))],
    ['cut', (path: string) => truncate(path, 50)],
    ['grown', (path: string) => writeFile(path, bytesOf(101))],
  ])('notices that the disk has %s a blob, and drops it', async (_what, damage) => {
    const store = await opened();
    const { digest } = await store.put(bytesOf(100));
    const path = pathOf(digest);
    await rm(path);
    await writeFile(path, bytesOf(100));
    await damage(path);
    await expect(store.get(digest, { bytesMax: 100 })).rejects.toMatchObject({ code: 'stoq.blob_corrupt' });
    expect([store.has(digest), store.usedBytes()]).toEqual([false, 0]);
    await store.put(bytesOf(100), { digest });
    expect(await store.get(digest, { bytesMax: 100 })).toEqual(bytesOf(100));
  });

  it('notices that a blob is gone from the disk', async () => {
    const store = await opened();
    const { digest } = await store.put(bytesOf(100));
    await rm(pathOf(digest));
    await expect(store.get(digest, { bytesMax: 100 })).rejects.toMatchObject({ code: 'stoq.blob_missing' });
    expect([store.has(digest), store.usedBytes()]).toEqual([false, 0]);
  });

  it('finds what an earlier process kept, and clears what that did not finish', async () => {
    const { digest } = await (await opened()).put(bytesOf(10));
    await writeFile(join(directory, 'partial', 'left-over'), 'half a blob');
    await mkdir(join(directory, 'blobs', 'zz'));
    await writeFile(join(directory, 'blobs', 'zz', 'README'), 'not a blob');
    const store = await opened();
    expect(await store.get(digest, { bytesMax: 10 })).toEqual(bytesOf(10));
    expect([await partial(), store.usedBytes()]).toEqual([[], CHARGE]);
  });

  it('survives a kill at any moment with all that it had promised', { timeout: 20_000 }, async () => {
    const program = fileURLToPath(new URL('blob-writer.entry.ts', import.meta.url));
    const child = spawn(process.execPath, ['--conditions=@hypermesh/source', program, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    const promised: string[] = [];
    const lines = createInterface({ input: child.stdout });
    for await (const line of lines) {
      promised.push(line);
      if (promised.length === 20) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
    const store = await opened(1024 * 1024 * 1024);
    for (const digest of promised) {
      const bytes = await store.get(Buffer.from(digest, 'hex'), { bytesMax: 1024 * 1024 });
      expect(Buffer.from(blobDigest(bytes)).toString('hex')).toBe(digest);
    }
    expect(promised.length).toBeGreaterThanOrEqual(20);
    expect(await partial()).toEqual([]);
  });

  it('is used between start and stop', async () => {
    const store = createBlobStore({ directory: join(directory, 'deep', 'store'), quotaBytes: CHARGE });
    await expect(store.put(bytesOf(1))).rejects.toThrow('the store is started');
    await store.start();
    const { digest } = await store.put(bytesOf(1));
    expect(
      await readFile(join(directory, 'deep', 'store', 'blobs', Buffer.from(digest).toString('hex').replace(/^(..)/, '$1/$1'))),
    ).toHaveLength(1);
    await store.stop();
    await expect(store.put(bytesOf(1))).rejects.toThrow('the store is started');
    expect(() => createBlobStore({ directory, quotaBytes: 0 })).toThrow('a quota in bytes');
    expect(() => store.has(new Uint8Array(31))).toThrow('a digest of 32 bytes');
  });
});
