import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore, Clock } from '@hypermesh/stoq';
import type { UploadRequest, UploadResponse } from '../api.ts';
import { catalogError } from '../errors.ts';

// A publisher sends the files of one package one after the other; a few at once are plenty.
export const UPLOADS_PER_OWNER_MAX: number = 8;

// What nobody has continued for this long is not continued any more.
export const UPLOAD_MS_MAX: number = 24 * 60 * 60 * 1_000;

export interface UploadsOptions {
  /** Owned by this object alone; made when missing. */
  readonly directory: string;
  readonly store: BlobStore;
  readonly clock: Clock;
}

/**
 * Receives blobs piece by piece. Pieces are kept over a restart, so a publisher goes on where it stopped; a whole blob is
 * verified and kept before its last piece is acknowledged.
 */
export interface Uploads {
  /** Forgets what is too old. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** `owner`: 32 bytes. Throws `catalog.upload_gap`, `catalog.upload_limit`, `stoq.blob_corrupt`, `stoq.blob_store_full`. */
  take(owner: Uint8Array, piece: UploadRequest): Promise<UploadResponse>;
}

export function createUploads(options: UploadsOptions): Uploads {
  return new DirectoryUploads(options);
}

class DirectoryUploads implements Uploads {
  readonly #options: UploadsOptions;
  /** The last piece under way of each upload: pieces of one upload follow each other. */
  readonly #busy = new Map<string, Promise<unknown>>();

  constructor(options: UploadsOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { directory, clock } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const owner of await readdir(directory)) {
      for (const name of await readdir(join(directory, owner))) {
        const file = join(directory, owner, name);
        if ((await stat(file)).mtimeMs + UPLOAD_MS_MAX < clock.now()) await rm(file, { force: true });
      }
    }
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#busy.values());
  }

  async take(owner: Uint8Array, piece: UploadRequest): Promise<UploadResponse> {
    const file = join(this.#options.directory, hex(owner), hex(piece.digest));
    const before = this.#busy.get(file) ?? Promise.resolve();
    const work = before.catch(() => undefined).then(() => this.#take(file, piece));
    this.#busy.set(file, work);
    try {
      return await work;
    } finally {
      if (this.#busy.get(file) === work) this.#busy.delete(file);
    }
  }

  async #take(file: string, { digest, size, offset, bytes }: UploadRequest): Promise<UploadResponse> {
    const { store } = this.#options;
    if (store.has(digest)) return { received: size, complete: true };
    const folder = join(file, '..');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const received = await sizeOf(file);
    if (received === undefined && bytes.length === 0 && size > 0) return { received: 0, complete: false };
    if (received === undefined && (await readdir(folder)).length >= UPLOADS_PER_OWNER_MAX) {
      throw catalogError('catalog.upload_limit', { uploadsMax: UPLOADS_PER_OWNER_MAX });
    }
    const length = await this.#append(file, received, { size, offset, bytes });
    if (length < size) return { received: length, complete: false };
    try {
      await store.put(createReadStream(file), { digest, bytesMax: size });
    } finally {
      // Kept, or not what it was said to be.
      await rm(file, { force: true });
    }
    return { received: size, complete: true };
  }

  /** The new length. A piece that is there already changes nothing. */
  async #append(file: string, known: number | undefined, { size, offset, bytes }: Omit<UploadRequest, 'digest'>): Promise<number> {
    const received = known ?? 0;
    if (offset + bytes.length > size) throw catalogError('catalog.upload_gap', { received, size });
    if (known !== undefined && offset + bytes.length <= known) return known;
    if (offset !== received) throw catalogError('catalog.upload_gap', { received, offset });
    const handle = await open(file, 'a', 0o600);
    try {
      await handle.appendFile(bytes);
    } finally {
      await handle.close();
    }
    return received + bytes.length;
  }
}

function sizeOf(file: string): Promise<number | undefined> {
  return stat(file).then(
    ({ size }) => size,
    () => undefined,
  );
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
