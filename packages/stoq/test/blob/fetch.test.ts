import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Address,
  BLOB_CHUNK_BYTES,
  type BlobChunk,
  blobContract,
  blobDigest,
  type BlobGetRequest,
  blobHandlers,
  type BlobStore,
  type CallContext,
  createBlobSource,
  createBlobStore,
  fetchBlob,
  type FetchBlobOptions,
  type PeerTarget,
  stoqError,
} from '@hypermesh/stoq';

type Get = (request: BlobGetRequest, signal: AbortSignal) => AsyncIterable<BlobChunk>;

/** Calls the handlers of each address directly, with the checks of the contract. */
function directHost(providers: Readonly<Record<Address, Get>>, asked: Address[]): FetchBlobOptions['host'] {
  return {
    connect: ((_contract: unknown, { addresses }: PeerTarget) => ({
      async *get(request: BlobGetRequest, { signal }: { signal: AbortSignal }): AsyncGenerator<BlobChunk> {
        const address = addresses[0] as Address;
        asked.push(address);
        const get = providers[address];
        if (get === undefined) throw stoqError('stoq.carrier_refused', { address });
        const parsed = blobContract.methods.get.request.parse(request);
        for await (const chunk of get(parsed, signal)) yield blobContract.methods.get.response.parse(chunk);
      },
    })) as unknown as FetchBlobOptions['host']['connect'],
  };
}

const never: AbortSignal = new AbortController().signal;
const target = (address: Address): PeerTarget => ({ addresses: [address], expect: 'bundle' });

describe('fetching blobs', () => {
  let directory: string;
  let own: BlobStore;
  let theirs: BlobStore;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stoq-fetch-'));
    own = createBlobStore({ directory: join(directory, 'own'), quotaBytes: 8 * BLOB_CHUNK_BYTES });
    theirs = createBlobStore({ directory: join(directory, 'theirs'), quotaBytes: 64 * BLOB_CHUNK_BYTES });
    await Promise.all([own.start(), theirs.start()]);
  });
  afterEach(() => rm(directory, { recursive: true }));

  const blob: Uint8Array = new Uint8Array(2 * BLOB_CHUNK_BYTES + 5).map((_, index) => index % 251);
  const digest = blobDigest(blob);
  const good: Get = (request, signal) => blobHandlers(theirs).get(request, { signal } as CallContext);
  const chunks = (...parts: Uint8Array[]): Get =>
    async function* () {
      for (const bytes of parts) yield { bytes };
    };
  const failing = (code: Parameters<typeof stoqError>[0]): Get =>
    async function* () {
      yield { bytes: blob.subarray(0, BLOB_CHUNK_BYTES) };
      throw stoqError(code);
    };
  const PROVIDERS: Readonly<Record<Address, Get>> = {
    good,
    empty: failing('stoq.blob_missing'),
    corrupt: chunks(blob.subarray(1, 1 + BLOB_CHUNK_BYTES), blob.subarray(0, 5)),
    cut: chunks(blob.subarray(0, BLOB_CHUNK_BYTES)),
    endless: async function* () {
      for (;;) yield { bytes: blob.subarray(0, BLOB_CHUNK_BYTES) };
    },
    // The right bytes, a few at a time.
    dripping: chunks(
      blob.subarray(0, 5),
      blob.subarray(5, BLOB_CHUNK_BYTES),
      blob.subarray(BLOB_CHUNK_BYTES, 2 * BLOB_CHUNK_BYTES),
      blob.subarray(2 * BLOB_CHUNK_BYTES),
    ),
    oversized: chunks(blob),
    lying: failing('stoq.blob_store_full'),
    dying: failing('stoq.session_closed'),
  };
  const fetch = (providers: readonly Address[], options: Partial<FetchBlobOptions> = {}, asked: Address[] = []): Promise<unknown> =>
    fetchBlob({
      host: directHost(PROVIDERS, asked),
      providers: providers.map(target),
      store: own,
      digest,
      bytesMax: blob.length,
      signal: never,
      ...options,
    });

  it('brings a blob into the store', async () => {
    await theirs.put(blob);
    expect(await fetch(['good'])).toEqual({ digest, sizeBytes: blob.length });
    expect(await own.get(digest, { bytesMax: blob.length })).toEqual(blob);
  });

  it.each(['missing', 'empty', 'corrupt', 'cut', 'endless', 'dripping', 'oversized', 'lying', 'dying'])(
    'goes on to the next provider when one is %s',
    async (bad) => {
      await theirs.put(blob);
      const asked: Address[] = [];
      await fetch([bad, 'good', 'endless'], {}, asked);
      expect(asked).toEqual([bad, 'good']);
      expect(own.has(digest)).toBe(true);
    },
  );

  it.each([
    ['stoq.blob_missing', ['nobody', 'empty', 'dying'], { unreachable: 2, missing: 1 }],
    ['stoq.blob_corrupt', ['empty', 'endless', 'corrupt', 'cut', 'dripping'], { corrupt: 3, tooLarge: 1, missing: 1 }],
    ['stoq.blob_too_large', ['empty', 'endless'], { tooLarge: 1, missing: 1 }],
    ['stoq.blob_missing', ['lying'], { unreachable: 1 }],
    ['stoq.blob_missing', [], { providers: 0 }],
  ])('throws %s when %j is all there is', async (code, providers, data) => {
    await expect(fetch(providers)).rejects.toMatchObject({ code, data: { providers: providers.length, ...data } });
    expect([own.usedBytes(), await readdir(join(directory, 'own', 'partial'))]).toEqual([0, []]);
  });

  it('stops at once when its own store is full', async () => {
    await theirs.put(blob);
    const full = createBlobStore({ directory: join(directory, 'full'), quotaBytes: BLOB_CHUNK_BYTES });
    await full.start();
    const asked: Address[] = [];
    await expect(fetch(['good', 'good'], { store: full }, asked)).rejects.toMatchObject({ code: 'stoq.blob_store_full' });
    expect(asked).toEqual(['good']);
  });

  it('stops when told so', async () => {
    const controller = new AbortController();
    const endless: Get = async function* () {
      yield { bytes: blob.subarray(0, BLOB_CHUNK_BYTES) };
      controller.abort('enough');
      yield { bytes: blob.subarray(0, BLOB_CHUNK_BYTES) };
    };
    const asked: Address[] = [];
    const host = directHost({ endless }, asked);
    await expect(fetch(['endless', 'endless'], { host, signal: controller.signal })).rejects.toBe('enough');
    await expect(fetch(['endless'], { host, signal: controller.signal })).rejects.toBe('enough');
    expect(asked).toEqual(['endless']);
  });

  it('serves sizes, offsets and the lack of a blob', async () => {
    await theirs.put(blob);
    const handlers = blobHandlers(theirs);
    const context = { signal: never } as CallContext;
    expect(await handlers.stat({ digest }, context)).toEqual({ sizeBytes: blob.length });
    expect(await handlers.stat({ digest: new Uint8Array(32) }, context)).toEqual({ sizeBytes: null });
    const sizes: number[] = [];
    for await (const { bytes } of handlers.get({ digest, offset: BLOB_CHUNK_BYTES }, context)) sizes.push(bytes.length);
    expect(sizes).toEqual([BLOB_CHUNK_BYTES, 5]);
    const missing = handlers.get({ digest: new Uint8Array(32), offset: 0 }, context)[Symbol.asyncIterator]();
    await expect(missing.next()).rejects.toMatchObject({ code: 'stoq.blob_missing' });
    const cancelled = handlers.get({ digest, offset: 0 }, { signal: AbortSignal.abort('gone') } as CallContext)[Symbol.asyncIterator]();
    await expect(cancelled.next()).rejects.toBe('gone');
  });

  it('is a source: from the own store, else from providers', async () => {
    await theirs.put(blob);
    const asked: Address[] = [];
    const source = createBlobSource({ host: directHost(PROVIDERS, asked), store: own, providers: () => [target('good')] });
    const options = { bytesMax: blob.length, signal: never };
    expect(await source.get(digest, options)).toEqual(blob);
    expect(await source.get(digest, options)).toEqual(blob);
    expect(asked).toEqual(['good']);
    await expect(source.get(digest, { bytesMax: 10, signal: never })).rejects.toMatchObject({ code: 'stoq.blob_too_large' });
  });
});
