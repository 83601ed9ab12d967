import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { createFile, syncDirectory, wipe } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';

/** One file of a new mesh. */
export interface MeshFile {
  /** Relative, with forward slashes. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

const DIRECTORY_MODE = 0o700;

/**
 * Writes the files in one step that survives a crash: into a folder beside the wanted one, which then takes its name.
 * All are readable by the owner only. Wipes the bytes. Throws `trustchain.mesh_exists` when the directory holds anything.
 */
export async function writeMesh(directory: string, files: readonly MeshFile[]): Promise<void> {
  const target = resolve(directory);
  const parent = dirname(target);
  await mkdir(parent, { recursive: true, mode: DIRECTORY_MODE });
  const fresh = `${target}.${randomUUID()}.new`;
  try {
    for (const { path, bytes } of files) {
      const whole = join(fresh, path);
      await mkdir(dirname(whole), { recursive: true, mode: DIRECTORY_MODE });
      await createFile(whole, bytes);
    }
    await syncTree(fresh);
    await rename(fresh, target);
  } catch (cause) {
    await rm(fresh, { recursive: true, force: true });
    if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(String((cause as NodeJS.ErrnoException).code))) throw cause;
    throw trustError('trustchain.mesh_exists', { directory: target }, { cause });
  } finally {
    wipe(...files.map((file) => file.bytes));
  }
  await syncDirectory(parent);
}

/** Makes the names in all folders durable; the files are. */
async function syncTree(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncTree(join(directory, entry.name));
  }
  await syncDirectory(directory);
}
