import { access, type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { equalBytes, syncDirectory } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { MerkleTree } from './merkle.ts';
import { CHUNK_BYTES, encodePlot, PLOT_BYTES, plotTree } from './plot.ts';

/** The node's data file: chunks are read from disk whenever they are asked for. */
export interface Plot {
  /** Storage commitment of the node, 32 bytes. */
  readonly root: Uint8Array;
  /** Throws `hypermesh.storage_corrupt` when the disk no longer holds what was committed to. */
  read(index: number): Promise<{ readonly chunk: Uint8Array; readonly path: readonly Uint8Array[] }>;
  close(): Promise<void>;
}

const FILE = 'plot';

/** Opens the data file of this node, or makes it: durable before this resolves. Throws `hypermesh.storage_corrupt`. */
export async function openPlot(directory: string, meshId: Uint8Array, node: Uint8Array): Promise<Plot> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, FILE);
  const data = await encodePlot(meshId, node);
  if (!(await exists(path))) await create(directory, data);
  const file = await open(path, 'r');
  try {
    return await load(file, path, plotTree(data));
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Written under another name first: a file of that name is whole. */
async function create(directory: string, data: Uint8Array): Promise<void> {
  const partial = join(directory, `${FILE}.partial`);
  await rm(partial, { force: true });
  const file = await open(partial, 'wx', 0o600);
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, join(directory, FILE));
  await syncDirectory(directory);
}

async function load(file: FileHandle, path: string, expected: MerkleTree): Promise<Plot> {
  const data = await file.readFile();
  const remedy = 'move the file away; it is made anew at the next start';
  if (data.length !== PLOT_BYTES || !equalBytes(plotTree(data).root, expected.root)) {
    throw hypermeshError('hypermesh.storage_corrupt', { path, remedy });
  }
  return {
    root: expected.root,
    async read(index) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, index * CHUNK_BYTES);
      if (bytesRead !== CHUNK_BYTES) throw hypermeshError('hypermesh.storage_corrupt', { path, remedy });
      return { chunk, path: expected.path(index) };
    },
    close: () => file.close(),
  };
}
