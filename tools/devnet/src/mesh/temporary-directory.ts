import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder that goes when it is disposed of. */
export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
  /** Leaves it where it is, for somebody to look at. */
  keep(): void;
}

/** `name`: what the folder's name begins with. */
export async function openTemporaryDirectory(name: string): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), name));
  let isKept = false;
  return {
    path,
    keep() {
      isKept = true;
    },
    async [Symbol.asyncDispose]() {
      if (!isKept) await rm(path, { recursive: true, force: true });
    },
  };
}
