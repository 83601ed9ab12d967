import { strict as assert } from 'node:assert';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { equalBytes } from '../crypto/bytes.ts';
import { type Entropy, systemEntropy } from '../crypto/entropy.ts';
import { HASH_BYTES } from '../crypto/hashes.ts';
import { syncDirectory } from '../durable-file.ts';
import { stoqError } from '../errors.ts';
import { createBlobHasher } from './tree.ts';

export interface BlobStoreOptions {
  /** Owned by this store alone; made when missing. */
  readonly directory: string;
  /** What all blobs may take together, those under way included. */
  readonly quotaBytes: number;
  readonly entropy?: Entropy;
}

export interface StoredBlob {
  /** 32 bytes, the address. */
  readonly digest: Uint8Array;
  readonly sizeBytes: number;
}

export interface PutOptions {
  /** The address that the bytes must have, else `stoq.blob_corrupt`. A blob that is there already is not read again. */
  readonly digest?: Uint8Array;
  /** Above it `stoq.blob_too_large`. */
  readonly bytesMax?: number;
  readonly signal?: AbortSignal;
}

/** Whole blobs by content address in one directory. Use between `start` and `stop`. */
export interface BlobStore {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Keeps a blob for good: it survives a crash once this has resolved. Throws `stoq.blob_store_full`. */
  put(source: Uint8Array | AsyncIterable<Uint8Array>, options?: PutOptions): Promise<StoredBlob>;
  has(digest: Uint8Array): boolean;
  /** Length in bytes, or undefined for a blob that is not there. */
  sizeOf(digest: Uint8Array): number | undefined;
  /** The whole blob, verified. Throws `stoq.blob_missing`, `stoq.blob_too_large`, `stoq.blob_corrupt`. */
  get(digest: Uint8Array, options: { readonly bytesMax: number; readonly signal?: AbortSignal }): Promise<Uint8Array>;
  /** The bytes from `offset` in pieces of `pieceBytes` and a last shorter one; the reader verifies. Throws `stoq.blob_missing`. */
  read(digest: Uint8Array, options: { readonly offset?: number; readonly pieceBytes: number }): AsyncIterable<Uint8Array>;
  /** False if it was not there. */
  delete(digest: Uint8Array): Promise<boolean>;
  usedBytes(): number;
}

// What a file takes at least: a block of the file system. So the quota bounds the number of blobs too.
export const BLOB_CHARGE_BYTES_MIN: number = 4 * 1024;

const BLOBS_FOLDER = 'blobs';
const PARTIAL_FOLDER = 'partial';
const NAME_FORM = /^[0-9a-f]{64}$/;
const PARTIAL_NAME_BYTES = 12;

export function createBlobStore(options: BlobStoreOptions): BlobStore {
  return new DirectoryBlobStore(options);
}

class DirectoryBlobStore implements BlobStore {
  readonly #blobs: string;
  readonly #partial: string;
  readonly #quotaBytes: number;
  readonly #entropy: Entropy;
  readonly #sizes = new Map<string, number>();
  #chargedBytes = 0;
  #started = false;

  constructor({ directory, quotaBytes, entropy }: BlobStoreOptions) {
    assert(Number.isSafeInteger(quotaBytes) && quotaBytes > 0, 'a quota in bytes');
    this.#blobs = join(directory, BLOBS_FOLDER);
    this.#partial = join(directory, PARTIAL_FOLDER);
    this.#quotaBytes = quotaBytes;
    this.#entropy = entropy ?? systemEntropy;
  }

  /** What an earlier process did not finish is gone; what it finished is there. */
  async start(): Promise<void> {
    await rm(this.#partial, { recursive: true, force: true });
    for (const folder of [this.#partial, this.#blobs]) await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const folder of await readdir(this.#blobs)) {
      for (const name of await readdir(join(this.#blobs, folder))) {
        if (!NAME_FORM.test(name) || !name.startsWith(folder)) continue;
        this.#add(name, (await stat(join(this.#blobs, folder, name))).size);
      }
    }
    this.#started = true;
  }

  async stop(): Promise<void> {
    this.#started = false;
  }

  async put(source: Uint8Array | AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<StoredBlob> {
    assert(this.#started, 'the store is started');
    const { digest: wanted } = options;
    const known = wanted === undefined ? undefined : this.sizeOf(wanted);
    if (wanted !== undefined && known !== undefined) return { digest: wanted, sizeBytes: known };
    const path = join(this.#partial, Buffer.from(this.#entropy.bytes(PARTIAL_NAME_BYTES)).toString('hex'));
    const reservation = this.#reserve();
    try {
      const stored = await this.#write(path, source, { ...options, reservation });
      await this.#keep(path, stored);
      return stored;
    } catch (error) {
      await rm(path, { force: true });
      throw (error as NodeJS.ErrnoException).code === 'ENOSPC' ? stoqError('stoq.blob_store_full', {}, { cause: error }) : error;
    } finally {
      reservation.release();
    }
  }

  has(digest: Uint8Array): boolean {
    return this.sizeOf(digest) !== undefined;
  }

  sizeOf(digest: Uint8Array): number | undefined {
    return this.#sizes.get(nameOf(digest));
  }

  async get(digest: Uint8Array, options: { readonly bytesMax: number; readonly signal?: AbortSignal }): Promise<Uint8Array> {
    const sizeBytes = this.#sizeOfKept(digest);
    if (sizeBytes > options.bytesMax) throw stoqError('stoq.blob_too_large', { sizeBytes, bytesMax: options.bytesMax });
    const bytes = new Uint8Array(sizeBytes);
    const hasher = createBlobHasher();
    let length = 0;
    for await (const piece of this.read(digest, { pieceBytes: READ_PIECE_BYTES })) {
      options.signal?.throwIfAborted();
      if (length + piece.length > sizeBytes) break;
      bytes.set(piece, length);
      hasher.update(piece);
      length += piece.length;
    }
    if (length === sizeBytes && equalBytes(hasher.digest(), digest)) return bytes;
    // The disk has altered it: without it, it can be fetched again.
    await this.delete(digest);
    throw stoqError('stoq.blob_corrupt', { where: 'own store' });
  }

  async *read(
    digest: Uint8Array,
    { offset = 0, pieceBytes }: { readonly offset?: number; readonly pieceBytes: number },
  ): AsyncGenerator<Uint8Array> {
    assert(offset >= 0 && pieceBytes > 0, 'a place and a size');
    this.#sizeOfKept(digest);
    const file = await this.#open(digest);
    try {
      for (let at = offset; ; at += pieceBytes) {
        const piece = await readFully(file, at, pieceBytes);
        if (piece.length > 0) yield piece;
        if (piece.length < pieceBytes) return;
      }
    } finally {
      await file.close();
    }
  }

  async delete(digest: Uint8Array): Promise<boolean> {
    const name = nameOf(digest);
    const sizeBytes = this.#sizes.get(name);
    if (sizeBytes === undefined) return false;
    this.#sizes.delete(name);
    this.#chargedBytes -= chargeOf(sizeBytes);
    await rm(this.#pathOf(name), { force: true });
    return true;
  }

  usedBytes(): number {
    return this.#chargedBytes;
  }

  async #open(digest: Uint8Array): Promise<FileHandle> {
    try {
      return await open(this.#pathOf(nameOf(digest)), 'r');
    } catch (cause) {
      // Deleted meanwhile, or taken from the directory by somebody else: without its entry it can be fetched again.
      await this.delete(digest);
      throw stoqError('stoq.blob_missing', { where: 'own store' }, { cause });
    }
  }

  #sizeOfKept(digest: Uint8Array): number {
    const sizeBytes = this.sizeOf(digest);
    if (sizeBytes === undefined) throw stoqError('stoq.blob_missing');
    return sizeBytes;
  }

  #pathOf(name: string): string {
    return join(this.#blobs, name.slice(0, 2), name);
  }

  #add(name: string, sizeBytes: number): void {
    if (this.#sizes.has(name)) return;
    this.#sizes.set(name, sizeBytes);
    this.#chargedBytes += chargeOf(sizeBytes);
  }

  async #write(path: string, source: Uint8Array | AsyncIterable<Uint8Array>, options: WriteOptions): Promise<StoredBlob> {
    const { bytesMax = this.#quotaBytes, digest: wanted, signal, reservation } = options;
    const hasher = createBlobHasher();
    let sizeBytes = 0;
    const file = await open(path, 'wx', 0o400);
    try {
      for await (const piece of piecesOf(source)) {
        signal?.throwIfAborted();
        sizeBytes += piece.length;
        if (sizeBytes > bytesMax) throw stoqError('stoq.blob_too_large', { bytesMax });
        reservation.growTo(sizeBytes);
        hasher.update(piece);
        await file.writeFile(piece);
      }
      const digest = hasher.digest();
      if (wanted !== undefined && !equalBytes(digest, wanted)) throw stoqError('stoq.blob_corrupt');
      await file.sync();
      return { digest, sizeBytes };
    } finally {
      await file.close();
    }
  }

  /** The name appears only over complete, synced bytes, and is itself synced. */
  async #keep(path: string, { digest, sizeBytes }: StoredBlob): Promise<void> {
    const name = nameOf(digest);
    const folder = join(this.#blobs, name.slice(0, 2));
    if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) await syncDirectory(this.#blobs);
    await rename(path, this.#pathOf(name));
    await syncDirectory(folder);
    this.#add(name, sizeBytes);
  }

  /** Room for a blob under way, so that puts at the same time cannot exceed the quota together. */
  #reserve(): Reservation {
    let reservedBytes = 0;
    const growTo = (sizeBytes: number): void => {
      const more = chargeOf(sizeBytes) - reservedBytes;
      const usedBytes = this.#chargedBytes + more;
      if (usedBytes > this.#quotaBytes) throw stoqError('stoq.blob_store_full', { quotaBytes: this.#quotaBytes });
      this.#chargedBytes = usedBytes;
      reservedBytes += more;
    };
    const release = (): void => {
      this.#chargedBytes -= reservedBytes;
      reservedBytes = 0;
    };
    return { growTo, release };
  }
}

interface Reservation {
  growTo(sizeBytes: number): void;
  release(): void;
}

interface WriteOptions extends PutOptions {
  readonly reservation: Reservation;
}

// Large enough for the disk, small enough for the memory of many readers.
const READ_PIECE_BYTES: number = 1024 * 1024;

async function* piecesOf(source: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (source instanceof Uint8Array) yield source;
  else yield* source;
}

/** All of `length` bytes unless the file ends. */
async function readFully(file: FileHandle, at: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

function chargeOf(sizeBytes: number): number {
  return Math.max(sizeBytes, BLOB_CHARGE_BYTES_MIN);
}

function nameOf(digest: Uint8Array): string {
  assert(digest.length === HASH_BYTES, 'a digest of 32 bytes');
  return Buffer.from(digest).toString('hex');
}
