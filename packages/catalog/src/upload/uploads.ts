import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type BlobStore, type Clock, stoqError } from '@hypermesh/stoq';
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
  /** What the blobs of the store and the pieces of unfinished ones may take together. */
  readonly quotaBytes: number;
  readonly clock: Clock;
}

/**
 * Receives blobs piece by piece. Pieces are kept over a restart, so a publisher goes on where it stopped; a whole blob is
 * verified and kept before its last piece is acknowledged. What is too old is forgotten when a new upload begins.
 */
export interface Uploads {
  /** Finds what an earlier process has received. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** `owner`: 32 bytes. Throws `catalog.upload_gap`, `catalog.upload_limit`, `stoq.blob_corrupt`, `stoq.blob_store_full`. */
  take(owner: Uint8Array, piece: UploadRequest): Promise<UploadResponse>;
}

export function createUploads(options: UploadsOptions): Uploads {
  return new DirectoryUploads(options);
}

/** What is there of a blob. */
interface Unfinished {
  readonly owner: string;
  received: number;
  /** When the last piece came, milliseconds. */
  continuedAt: number;
}

class DirectoryUploads implements Uploads {
  readonly #options: UploadsOptions;
  /** By file. An upload is here before its file is, so uploads that begin at once are counted. */
  readonly #unfinished = new Map<string, Unfinished>();
  /** The last piece under way of each upload: pieces of one upload follow each other. */
  readonly #busy = new Map<string, Promise<unknown>>();

  constructor(options: UploadsOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { directory } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const owner of await readdir(directory)) {
      for (const name of await readdir(join(directory, owner))) {
        const file = join(directory, owner, name);
        const { size, mtimeMs } = await stat(file);
        this.#unfinished.set(file, { owner, received: size, continuedAt: mtimeMs });
      }
    }
    await this.#forgetOld();
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#busy.values());
  }

  async take(owner: Uint8Array, piece: UploadRequest): Promise<UploadResponse> {
    const file = join(this.#options.directory, hex(owner), hex(piece.digest));
    const before = this.#busy.get(file) ?? Promise.resolve();
    const work = before.catch(() => undefined).then(() => this.#take(file, hex(owner), piece));
    this.#busy.set(file, work);
    try {
      return await work;
    } finally {
      if (this.#busy.get(file) === work) this.#busy.delete(file);
    }
  }

  async #take(file: string, owner: string, { digest, size, offset, bytes }: UploadRequest): Promise<UploadResponse> {
    const { store } = this.#options;
    if (store.has(digest)) return { received: size, complete: true };
    const known = this.#unfinished.get(file);
    if (known === undefined && bytes.length === 0 && size > 0) return { received: 0, complete: false };
    const upload = known ?? (await this.#begin(file, owner));
    try {
      await this.#append(file, upload, { size, offset, bytes });
    } finally {
      if (upload.received === 0 && size > 0) await this.#forget(file);
    }
    if (upload.received < size) return { received: upload.received, complete: false };
    try {
      await store.put(createReadStream(file), { digest, bytesMax: size });
    } finally {
      // Kept, or not what it was said to be.
      await this.#forget(file);
    }
    return { received: size, complete: true };
  }

  async #begin(file: string, owner: string): Promise<Unfinished> {
    await this.#forgetOld();
    const ofOwner = [...this.#unfinished.values()].filter((upload) => upload.owner === owner);
    if (ofOwner.length >= UPLOADS_PER_OWNER_MAX) throw catalogError('catalog.upload_limit', { uploadsMax: UPLOADS_PER_OWNER_MAX });
    const upload: Unfinished = { owner, received: 0, continuedAt: this.#options.clock.now() };
    this.#unfinished.set(file, upload);
    return upload;
  }

  /** A piece that is there already changes nothing. */
  async #append(file: string, upload: Unfinished, { size, offset, bytes }: Omit<UploadRequest, 'digest'>): Promise<void> {
    const { received } = upload;
    if (offset + bytes.length > size) throw catalogError('catalog.upload_gap', { received, size });
    if (received > 0 && offset + bytes.length <= received) return;
    if (offset !== received) throw catalogError('catalog.upload_gap', { received, offset });
    this.#assertRoom(bytes.length);
    // Counted before it is written: pieces of other uploads come meanwhile.
    upload.received += bytes.length;
    upload.continuedAt = this.#options.clock.now();
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      const handle = await open(file, 'a', 0o600);
      try {
        await handle.appendFile(bytes);
      } finally {
        await handle.close();
      }
    } catch (error) {
      // What a failed write has left of the piece is cut by beginning anew.
      await this.#forget(file);
      throw error;
    }
  }

  #assertRoom(bytes: number): void {
    const { store, quotaBytes } = this.#options;
    let usedBytes = store.usedBytes();
    for (const { received } of this.#unfinished.values()) usedBytes += received;
    if (usedBytes + bytes > quotaBytes) throw stoqError('stoq.blob_store_full', { usedBytes, quotaBytes });
  }

  async #forgetOld(): Promise<void> {
    const now = this.#options.clock.now();
    for (const [file, { continuedAt }] of this.#unfinished) {
      if (continuedAt + UPLOAD_MS_MAX < now && !this.#busy.has(file)) await this.#forget(file);
    }
  }

  async #forget(file: string): Promise<void> {
    this.#unfinished.delete(file);
    await rm(file, { force: true });
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
