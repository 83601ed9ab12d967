import { stoqError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { HandlersOf } from '../rpc/service.ts';
import { BLOB_CHUNK_BYTES, blobContract } from './contract.ts';
import type { BlobStore } from './store.ts';

/** Serves `blob/1` from a store; before the host starts. */
export function serveBlobs(host: Host, store: BlobStore): void {
  host.serve(blobContract, blobHandlers(store));
}

export function blobHandlers(store: BlobStore): HandlersOf<typeof blobContract> {
  return {
    async stat({ digest }) {
      return { sizeBytes: store.sizeOf(digest) ?? null };
    },
    async *get({ digest, offset }, { signal }) {
      if (!store.has(digest)) throw stoqError('stoq.blob_missing');
      for await (const bytes of store.read(digest, { offset, pieceBytes: BLOB_CHUNK_BYTES })) {
        signal.throwIfAborted();
        yield { bytes };
      }
    },
  };
}
