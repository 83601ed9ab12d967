import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { equalBytes, formatId, syncDirectory } from '@hypermesh/stoq';
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
const UNFINISHED = '.part';
const DAMAGE = [
  'catalog.file_missing',
  'catalog.file_mismatch',
  'catalog.root_mismatch',
  'catalog.manifest_invalid',
  'catalog.package_too_large',
] as const;

/**
 * Brings a package into `directory/<root>`: manifest and files by digest, each verified and on the disk before the folder
 * gets its name. A folder that is there is verified again: what runs is what was signed. One that the disk has altered is
 * fetched again.
 */
export async function loadPackage(
  directory: string,
  address: PackageAddress,
  source: BlobSource,
  signal: AbortSignal,
): Promise<LoadedPackage> {
  const home = join(directory, formatId('pkg', address.root).replace(':', '-'));
  if (await exists(home)) {
    try {
      return await openPackage(home, address.root);
    } catch (error) {
      if (!isDamage(error)) throw error;
      await rm(home, { recursive: true, force: true });
    }
  }
  await fetchPackage(home, address, source, signal);
  return openPackage(home, address.root);
}

/** Removes what an earlier process did not finish. Not while packages are loaded into the directory. */
export async function removeUnfinished(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const name of await readdir(directory)) {
    if (name.endsWith(UNFINISHED)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

async function fetchPackage(home: string, address: PackageAddress, source: BlobSource, signal: AbortSignal): Promise<void> {
  const manifestBytes = await source.get(address.manifest, { bytesMax: MANIFEST_BYTES_MAX, signal });
  const manifest = verifiedManifest(manifestBytes, address.root);
  const staging = `${home}.${randomBytes(6).toString('hex')}${UNFINISHED}`;
  try {
    await mkdir(join(staging, FILES_FOLDER), { recursive: true, mode: 0o700 });
    for (const file of manifest.files) {
      const bytes = await source.get(Buffer.from(file.blob, 'hex'), { bytesMax: file.size, signal });
      assertFile(file, bytes);
      await writeDurably(join(staging, FILES_FOLDER, file.path), bytes);
    }
    await writeDurably(join(staging, MANIFEST_FILE), manifestBytes);
    for (const folder of foldersOf(manifest)) await syncDirectory(join(staging, folder));
    await rename(staging, home);
    await syncDirectory(dirname(home));
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    // Another load of the same package was quicker.
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
  }
}

/** Folders of a package, the inner ones first. */
function foldersOf(manifest: Manifest): string[] {
  const folders = new Set(['']);
  for (const { path } of manifest.files) {
    for (let folder = join(FILES_FOLDER, dirname(path)); folder !== '.'; folder = dirname(folder)) folders.add(folder);
  }
  return [...folders].toSorted((a, b) => b.length - a.length);
}

/** Opens a package on disk and verifies every byte of it. */
export async function openPackage(home: string, root: Uint8Array): Promise<LoadedPackage> {
  const bytes = await readFile(join(home, MANIFEST_FILE)).catch((cause: unknown) => {
    throw catalogError('catalog.file_missing', { path: MANIFEST_FILE }, { cause });
  });
  const manifest = verifiedManifest(bytes, root);
  const directory = join(home, FILES_FOLDER);
  for (const file of manifest.files) {
    const bytes = await readFile(join(directory, file.path)).catch((cause: unknown) => {
      throw catalogError('catalog.file_missing', { path: file.path }, { cause });
    });
    assertFile(file, bytes);
  }
  return { manifest, directory };
}

/** Whether a package on disk is not what it was when it got its name. */
function isDamage(error: unknown): boolean {
  return DAMAGE.some((code) => catalogError.is(error, code));
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
