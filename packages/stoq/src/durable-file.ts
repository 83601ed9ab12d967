import { randomUUID } from 'node:crypto';
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

const OWNER_ONLY = 0o600;

/** Replaces the file in one step that survives a crash: new file, fsync, rename, fsync of the directory. */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const fresh = await writeFresh(path, bytes);
  try {
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Creates the file with its whole contents, or answers false if one is there; survives a crash. */
export async function createFile(path: string, bytes: Uint8Array): Promise<boolean> {
  const fresh = await writeFresh(path, bytes);
  try {
    // Unlike rename, link fails when the name exists, so that of two creators one wins.
    await link(fresh, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(fresh, { force: true });
  }
  await syncDirectory(dirname(path));
  return true;
}

async function writeFresh(path: string, bytes: Uint8Array): Promise<string> {
  const fresh = `${path}.${randomUUID()}.new`;
  const handle = await open(fresh, 'wx', OWNER_ONLY);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return fresh;
}

/** Makes the names in a directory survive a crash. */
export async function syncDirectory(path: string): Promise<void> {
  const handle: FileHandle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
