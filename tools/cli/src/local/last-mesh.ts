import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandContext } from '../command.ts';

// Folder of the mesh that `up` has started last, for a `down` that names none.
const FILE = 'last-mesh';

export async function rememberMesh({ contexts }: CommandContext, directory: string): Promise<void> {
  await mkdir(contexts.directory, { recursive: true, mode: 0o700 });
  await writeFile(join(contexts.directory, FILE), `${directory}\n`, { mode: 0o600 });
}

export async function lastMesh({ contexts }: CommandContext): Promise<string | null> {
  try {
    return (await readFile(join(contexts.directory, FILE), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
