import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobDigest, type BlobStore, createBlobStore, systemClock } from '@hypermesh/stoq';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createUploads, UPLOAD_MS_MAX, type Uploads, UPLOADS_PER_OWNER_MAX } from '../../src/upload/uploads.ts';

const OWNER = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);
const CONTENT = Uint8Array.from({ length: 1_000 }, (_, i) => i);
const DIGEST = blobDigest(CONTENT);
const EMPTY = new Uint8Array();
const QUOTA_BYTES = 1024 * 1024;

let home: string;
let store: BlobStore;
let uploads: Uploads;
let skewMs: number;

const open = (): Uploads =>
  createUploads({
    directory: join(home, 'uploads'),
    store,
    quotaBytes: QUOTA_BYTES,
    clock: { ...systemClock, now: () => systemClock.now() + skewMs },
  });

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'uploads-'));
  skewMs = 0;
  store = createBlobStore({ directory: join(home, 'blobs'), quotaBytes: QUOTA_BYTES });
  await store.start();
  uploads = open();
  await uploads.start();
});
afterEach(async () => {
  await uploads.stop();
  await store.stop();
  await rm(home, { recursive: true, force: true });
});

const piece = (offset: number, end: number, change: object = {}) => ({
  digest: DIGEST,
  size: CONTENT.length,
  offset,
  bytes: CONTENT.subarray(offset, end),
  ...change,
});

describe('an upload', () => {
  test('is kept once all pieces are there, over a restart', async () => {
    expect(await uploads.take(OWNER, piece(0, 400))).toEqual({ received: 400, complete: false });
    uploads = open();
    await uploads.start();
    expect(await uploads.take(OWNER, piece(0, 0))).toEqual({ received: 400, complete: false });
    expect(await uploads.take(OWNER, piece(400, 1_000))).toEqual({ received: 1_000, complete: true });
    expect(await store.get(DIGEST, { bytesMax: 1_000 })).toEqual(CONTENT);
    expect(await readdir(join(home, 'uploads', '01'.repeat(32)))).toEqual([]);
    expect(await uploads.take(OTHER, piece(0, 0))).toEqual({ received: 1_000, complete: true });
  });

  test('takes a repeated piece once', async () => {
    await uploads.take(OWNER, piece(0, 400));
    expect(await uploads.take(OWNER, piece(0, 400))).toEqual({ received: 400, complete: false });
  });

  test('puts pieces sent at once in order or refuses them, and never mixes them', async () => {
    const outcomes = await Promise.allSettled([uploads.take(OWNER, piece(0, 500)), uploads.take(OWNER, piece(500, 1_000))]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    expect(store.has(DIGEST)).toBe(true);
  });

  test.each<[string, object]>([
    ['a gap', piece(400, 500)],
    ['more than its size', piece(0, 1_000, { size: 999 })],
    ['pieces that overlap', piece(200, 700)],
  ])('refuses %s', async (_, wrong) => {
    await uploads.take(OWNER, piece(0, 300));
    await expect(uploads.take(OWNER, wrong as never)).rejects.toMatchObject({ code: 'catalog.upload_gap' });
  });

  test('is thrown away when it is not what it was said to be', async () => {
    await expect(uploads.take(OWNER, piece(0, 1_000, { digest: new Uint8Array(32) }))).rejects.toMatchObject({ code: 'stoq.blob_corrupt' });
    expect(await uploads.take(OWNER, piece(0, 0, { digest: new Uint8Array(32) }))).toEqual({ received: 0, complete: false });
  });

  test('of an empty blob is complete at once', async () => {
    const empty = { digest: blobDigest(EMPTY), size: 0, offset: 0, bytes: EMPTY };
    expect(await uploads.take(OWNER, empty)).toEqual({ received: 0, complete: true });
  });

  test('counts against its owner, and is forgotten when nobody goes on', async () => {
    const start = (n: number, owner = OWNER) => uploads.take(owner, piece(0, 10, { digest: new Uint8Array(32).fill(n) }));
    for (let n = 1; n <= UPLOADS_PER_OWNER_MAX; n++) await start(n);
    await expect(start(99)).rejects.toMatchObject({ code: 'catalog.upload_limit' });
    expect(await start(99, OTHER)).toMatchObject({ received: 10 });
    skewMs = UPLOAD_MS_MAX + 60_000;
    uploads = open();
    await uploads.start();
    expect(await start(99)).toMatchObject({ received: 10 });
  });

  test('gives way without a restart when nobody has gone on for a day', async () => {
    const start = (n: number) => uploads.take(OWNER, piece(0, 10, { digest: new Uint8Array(32).fill(n) }));
    for (let n = 1; n <= UPLOADS_PER_OWNER_MAX; n++) await start(n);
    skewMs = UPLOAD_MS_MAX + 60_000;
    expect(await start(99)).toMatchObject({ received: 10 });
    expect(await readdir(join(home, 'uploads', '01'.repeat(32)))).toHaveLength(1);
  });

  test('counts against its owner when many begin at once', async () => {
    const starts = Array.from({ length: 2 * UPLOADS_PER_OWNER_MAX }, (_, n) =>
      uploads.take(OWNER, piece(0, 10, { digest: new Uint8Array(32).fill(n + 1) })),
    );
    const outcomes = await Promise.allSettled(starts);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(UPLOADS_PER_OWNER_MAX);
  });

  test('counts against the quota with the blobs that are kept', async () => {
    const bytes = new Uint8Array(QUOTA_BYTES / 2);
    const start = (n: number, length: number, owner = OWNER) =>
      uploads.take(owner, { digest: new Uint8Array(32).fill(n), size: QUOTA_BYTES, offset: 0, bytes: bytes.subarray(0, length) });
    await start(1, bytes.length);
    await store.put(CONTENT);
    await expect(start(2, bytes.length, OTHER)).rejects.toMatchObject({ code: 'stoq.blob_store_full' });
    expect(await start(2, bytes.length / 2, OTHER)).toMatchObject({ complete: false });
  });
});
