import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { equalBytes, formatId } from '@hypermesh/stoq';
import { catalogError } from '../errors.ts';
import { decodeManifest, type Manifest, MANIFEST_BYTES_MAX, type PackageFile } from '../manifest/manifest.ts';
import { packageRoot } from '../manifest/root.ts';

/** Whole blobs by content address, verified by the fetcher. */
export interface BlobSource {
  /** `digest`: 32 bytes. Throws `stoq.blob_missing` when nobody has it. */
  get(digest: Uint8Array, options: { readonly bytesMax: number; readonly signal: AbortSignal }): Promise<Uint8Array>;
}

export interface LoadedPackage {
  readonly manifest: Manifest;
  /** Directory with the verified files. */
  readonly directory: string;
}

export interface PackageAddress {
  /** 32 bytes each. */
  readonly root: Uint8Array;
  readonly manifest: Uint8Array;
}

const MANIFEST_FILE = 'manifest.json';
const FILES_FOLDER = 'files';

/**
 * Brings a package into `directory/<root>`: manifest and files by digest, each verified before the folder gets its name.
 * A folder that is there is verified again: what runs is what was signed.
 */
export async function loadPackage(
  directory: string,
  address: PackageAddress,
  source: BlobSource,
  signal: AbortSignal,
): Promise<LoadedPackage> {
  const home = join(directory, formatId('pkg', address.root).replace(':', '-'));
  if (await exists(home)) return openPackage(home, address.root);
  const manifestBytes = await source.get(address.manifest, { bytesMax: MANIFEST_BYTES_MAX, signal });
  const manifest = verifiedManifest(manifestBytes, address.root);
  const staging = `${home}.${randomBytes(6).toString('hex')}.part`;
  try {
    await mkdir(join(staging, FILES_FOLDER), { recursive: true, mode: 0o700 });
    for (const file of manifest.files) {
      const bytes = await source.get(Buffer.from(file.blob, 'hex'), { bytesMax: file.size, signal });
      assertFile(file, bytes);
      await writeDurably(join(staging, FILES_FOLDER, file.path), bytes);
    }
    await writeFile(join(staging, MANIFEST_FILE), manifestBytes, { mode: 0o400 });
    await rename(staging, home);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    // Another load of the same package was quicker.
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
  }
  return openPackage(home, address.root);
}

/** Opens a package on disk and verifies every byte of it. */
export async function openPackage(home: string, root: Uint8Array): Promise<LoadedPackage> {
  const manifest = verifiedManifest(await readFile(join(home, MANIFEST_FILE)), root);
  const directory = join(home, FILES_FOLDER);
  for (const file of manifest.files) {
    const bytes = await readFile(join(directory, file.path)).catch((cause: unknown) => {
      throw catalogError('catalog.file_missing', { path: file.path }, { cause });
    });
    assertFile(file, bytes);
  }
  return { manifest, directory };
}

function verifiedManifest(bytes: Uint8Array, root: Uint8Array): Manifest {
  const manifest = decodeManifest(bytes);
  if (!equalBytes(packageRoot(manifest), root)) throw catalogError('catalog.root_mismatch');
  return manifest;
}

function assertFile(file: PackageFile, bytes: Uint8Array): void {
  const matches = bytes.length === file.size && createHash('sha256').update(bytes).digest('hex') === file.sha256;
  if (!matches) throw catalogError('catalog.file_mismatch', { path: file.path });
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'wx', 0o400);
  try {
    await file.writeFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
