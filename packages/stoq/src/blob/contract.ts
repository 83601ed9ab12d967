import { z } from 'zod';
import { HASH_BYTES } from '../crypto/hashes.ts';
import { type Contract, defineContract, type MethodSpec } from '../rpc/contract.ts';
import type { IdentityKind } from '../session/identity.ts';

// The unit of transfer: few round trips, and two of them in flight fit a session's window.
export const BLOB_CHUNK_BYTES: number = 1024 * 1024;
// A provider that takes longer for a chunk is slower than 35 kB/s: the next one is tried.
export const BLOB_CHUNK_MS_MAX = 30_000;

const DIGEST_REQUEST_BYTES_MAX = 256;
const CHUNK_FRAME_BYTES = 256;
const STAT_MS_MAX = 5_000;
// Blobs are public to every member: whoever knows a digest may read the bytes.
const KINDS: readonly IdentityKind[] = ['bundle', 'set-entry', 'pinned'];

export interface BlobStatRequest {
  /** 32 bytes. */
  readonly digest: Uint8Array;
}

export interface BlobStat {
  /** Null for a blob that this provider has not. */
  readonly sizeBytes: number | null;
}

export interface BlobGetRequest extends BlobStatRequest {
  /** Where in the blob to begin. */
  readonly offset: number;
}

export interface BlobChunk {
  /** `BLOB_CHUNK_BYTES` bytes; fewer only in the last chunk. */
  readonly bytes: Uint8Array;
}

export type BlobMethods = {
  readonly stat: MethodSpec<BlobStatRequest, BlobStat> & { readonly kind: 'unary' };
  /** Throws `stoq.blob_missing`. */
  readonly get: MethodSpec<BlobGetRequest, BlobChunk> & { readonly kind: 'server-stream' };
};

const digest = z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === HASH_BYTES, 'a digest of 32 bytes');
const chunkBytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= BLOB_CHUNK_BYTES, 'a chunk');
const byteCount = z.int().nonnegative();

/** Whole blobs by content address, `blob/1`. */
export const blobContract: Contract<BlobMethods> = defineContract<BlobMethods>({
  name: 'blob',
  version: 1,
  methods: {
    stat: {
      kind: 'unary',
      request: z.strictObject({ digest }),
      response: z.strictObject({ sizeBytes: byteCount.nullable() }),
      roles: 'any',
      kinds: KINDS,
      idempotent: true,
      requestBytesMax: DIGEST_REQUEST_BYTES_MAX,
      responseBytesMax: CHUNK_FRAME_BYTES,
      deadlineMs: STAT_MS_MAX,
    },
    get: {
      kind: 'server-stream',
      request: z.strictObject({ digest, offset: byteCount }),
      response: z.strictObject({ bytes: chunkBytes }),
      roles: 'any',
      kinds: KINDS,
      idempotent: true,
      requestBytesMax: DIGEST_REQUEST_BYTES_MAX,
      responseBytesMax: BLOB_CHUNK_BYTES + CHUNK_FRAME_BYTES,
      deadlineMs: BLOB_CHUNK_MS_MAX,
    },
  },
});
