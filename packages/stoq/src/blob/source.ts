import type { Host, PeerTarget } from '../host/host.ts';
import { fetchBlob } from './fetch.ts';
import type { BlobStore } from './store.ts';

/** Whole blobs by content address, verified. */
export interface BlobSource {
  /** `digest`: 32 bytes. Throws `stoq.blob_missing`, `stoq.blob_corrupt`, `stoq.blob_too_large`, `stoq.blob_store_full`. */
  get(digest: Uint8Array, options: { readonly bytesMax: number; readonly signal: AbortSignal }): Promise<Uint8Array>;
}

export interface BlobSourceComponents {
  readonly host: Pick<Host, 'connect'>;
  readonly store: BlobStore;
  /** Whom to ask for a blob, in this order; asked anew for each. */
  readonly providers: (digest: Uint8Array) => readonly PeerTarget[];
}

/** Blobs from the own store, fetched into it first when they are not there. */
export function createBlobSource({ host, store, providers }: BlobSourceComponents): BlobSource {
  return {
    async get(digest, { bytesMax, signal }) {
      if (!store.has(digest)) await fetchBlob({ host, store, providers: providers(digest), digest, bytesMax, signal });
      return store.get(digest, { bytesMax, signal });
    },
  };
}
