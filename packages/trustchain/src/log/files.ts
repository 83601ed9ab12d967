import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { replaceFile, syncDirectory } from '@hypermesh/stoq';

/** The disk of a log; paths are relative to its folder. Every durable step of a commit goes through here. */
export interface LogFiles {
  /** Null if there is no such file. */
  read(path: string): Promise<Uint8Array | null>;
  /** Puts the whole file in place in one step that survives a crash, with the folders on the way. */
  replace(path: string, bytes: Uint8Array): Promise<void>;
  /** Removes a file or folder, if it is there. */
  remove(path: string): Promise<void>;
}

export function createLogFiles(directory: string): LogFiles {
  const known = new Set<string>();

  const ensureFolder = async (folder: string): Promise<void> => {
    if (known.has(folder)) return;
    const first = await mkdir(folder, { recursive: true });
    // A new folder is a name in its parent: each new one is synced, from the outermost.
    if (first !== undefined) {
      for (let made = folder; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made));
    }
    known.add(folder);
  };

  return {
    async read(path) {
      try {
        return new Uint8Array(await readFile(join(directory, path)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
    },
    async replace(path, bytes) {
      const whole = join(directory, path);
      await ensureFolder(dirname(whole));
      await replaceFile(whole, bytes);
    },
    async remove(path) {
      const whole = join(directory, path);
      known.delete(whole);
      await rm(whole, { recursive: true, force: true });
    },
  };
}
