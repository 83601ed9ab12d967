import { hasCode, stoqError } from '../errors.ts';
import type { Host, PeerTarget } from '../host/host.ts';
import { BLOB_CHUNK_BYTES, type BlobChunk, blobContract } from './contract.ts';
import type { BlobStore, StoredBlob } from './store.ts';

export interface FetchBlobOptions {
  readonly host: Pick<Host, 'connect'>;
  /** Tried in this order. */
  readonly providers: readonly PeerTarget[];
  readonly store: BlobStore;
  /** 32 bytes. */
  readonly digest: Uint8Array;
  readonly bytesMax: number;
  readonly signal: AbortSignal;
}

/**
 * Brings a blob into the store from the first provider that delivers the right bytes. Holds one chunk in memory. When no
 * provider is left it throws `stoq.blob_corrupt` or `stoq.blob_too_large` if one of them caused that, else
 * `stoq.blob_missing`; `stoq.blob_store_full` and other failures of this machine at once.
 */
export async function fetchBlob(options: FetchBlobOptions): Promise<StoredBlob> {
  const failures: Failure[] = [];
  for (const provider of options.providers) {
    options.signal.throwIfAborted();
    const outcome = await fetchFrom(provider, options);
    if ('digest' in outcome) return outcome;
    failures.push(outcome);
  }
  throw verdict(failures);
}

type Fault = 'corrupt' | 'tooLarge' | 'missing' | 'unreachable';

interface Failure {
  readonly fault: Fault;
  readonly cause: unknown;
}

async function fetchFrom(provider: PeerTarget, { host, store, digest, bytesMax, signal }: FetchBlobOptions): Promise<StoredBlob | Failure> {
  const client = host.connect(blobContract, provider);
  const delivery = new Delivery(client.get({ digest, offset: 0 }, { signal }));
  try {
    return await store.put(delivery, { digest, bytesMax, signal });
  } catch (cause) {
    signal.throwIfAborted();
    const fault = delivery.failed ? remoteFault(cause) : localFault(cause);
    if (fault === undefined) throw cause;
    return { fault, cause };
  }
}

/** The bytes of a provider's answer, and whether it was the provider that failed: it may claim any error code. */
class Delivery implements AsyncIterable<Uint8Array> {
  readonly #chunks: AsyncIterable<BlobChunk>;
  failed = false;

  constructor(chunks: AsyncIterable<BlobChunk>) {
    this.#chunks = chunks;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    let ended = false;
    const chunks = this.#chunks[Symbol.asyncIterator]();
    try {
      for (let next = await this.#next(chunks); next.done !== true; next = await this.#next(chunks)) {
        // Only the last chunk may be short, so a provider cannot hold a fetch with a few bytes at a time.
        if (ended) throw stoqError('stoq.blob_corrupt', { reason: 'a short chunk in the middle' });
        ended = next.value.bytes.length < BLOB_CHUNK_BYTES;
        yield next.value.bytes;
      }
    } finally {
      await chunks.return?.();
    }
  }

  async #next(chunks: AsyncIterator<BlobChunk>): Promise<IteratorResult<BlobChunk>> {
    try {
      return await chunks.next();
    } catch (error) {
      this.failed = true;
      throw error;
    }
  }
}

function remoteFault(cause: unknown): Fault {
  return hasCode(cause, 'stoq.blob_missing') ? 'missing' : 'unreachable';
}

function localFault(cause: unknown): Fault | undefined {
  if (hasCode(cause, 'stoq.blob_corrupt')) return 'corrupt';
  return hasCode(cause, 'stoq.blob_too_large') ? 'tooLarge' : undefined;
}

function verdict(failures: readonly Failure[]): Error {
  const count = (fault: Fault): number => failures.filter((failure) => failure.fault === fault).length;
  const counts = { corrupt: count('corrupt'), tooLarge: count('tooLarge'), missing: count('missing'), unreachable: count('unreachable') };
  const code = counts.corrupt > 0 ? 'stoq.blob_corrupt' : counts.tooLarge > 0 ? 'stoq.blob_too_large' : 'stoq.blob_missing';
  return stoqError(code, { providers: failures.length, ...counts }, { cause: failures[0]?.cause });
}
