import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createBlobHasher } from '@hypermesh/stoq';
import { catalogError } from '../errors.ts';
import { FILE_BYTES_MAX, FILES_MAX, type Manifest, PACKAGE_BYTES_MAX, type PackageFile, validateManifest } from '../manifest/manifest.ts';
import { pathProblem } from '../manifest/path.ts';

/** What the author writes; files are found and hashed here. */
export type PackageDescription = Omit<Manifest, 'apiVersion' | 'files'>;

// Left out of every package: version control and what installers put beside the sources.
const SKIPPED: ReadonlySet<string> = new Set(['.git', 'node_modules', '.DS_Store']);

/** Builds the manifest of a directory. Refuses links, special files and everything over a limit, by name. */
export async function packDirectory(directory: string, description: PackageDescription): Promise<Manifest> {
  const files: PackageFile[] = [];
  for (const path of await listFiles(directory)) files.push(await describeFile(directory, path));
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  const total = files.reduce((sum, file) => sum + file.size, 0);
  if (total > PACKAGE_BYTES_MAX) throw catalogError('catalog.package_too_large', { bytes: total, bytesMax: PACKAGE_BYTES_MAX });
  return validateManifest({ apiVersion: 'catalog/v1', ...description, files });
}

async function listFiles(directory: string): Promise<string[]> {
  const found: string[] = [];
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readdir(join(directory, folder), { withFileTypes: true })) {
      if (SKIPPED.has(entry.name)) continue;
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const problem = pathProblem(path);
      if (problem !== undefined) throw catalogError('catalog.path_invalid', { path, problem });
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile()) found.push(path);
      else throw catalogError('catalog.path_invalid', { path, problem: 'only plain files and folders may be packed' });
      if (found.length > FILES_MAX) throw catalogError('catalog.package_too_large', { filesMax: FILES_MAX });
    }
  }
  return found;
}

async function describeFile(directory: string, path: string): Promise<PackageFile> {
  const full = join(directory, path);
  const { size } = await lstat(full);
  if (size > FILE_BYTES_MAX) throw catalogError('catalog.package_too_large', { path, bytes: size, bytesMax: FILE_BYTES_MAX });
  const sha256 = createHash('sha256');
  const blob = createBlobHasher();
  let hashed = 0;
  for await (const chunk of createReadStream(full)) {
    sha256.update(chunk as Buffer);
    blob.update(chunk as Buffer);
    hashed += (chunk as Buffer).length;
  }
  return { path, size: hashed, sha256: sha256.digest('hex'), blob: Buffer.from(blob.digest()).toString('hex') };
}
