import { equalBytes } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import type { Checkpoint } from '../note/checkpoint.ts';
import type { LogState } from './commit.ts';
import type { LogFiles } from './files.ts';
import type { LogIndex } from './log-index.ts';
import { leafHash } from './merkle.ts';
import { formatTilePath, TILE_HASH_BYTES, TILE_WIDTH, TileHashes } from './tile.ts';
import { checkEntries, type TileStore } from './tile-store.ts';
import { partialWidth, rootOf, tileLevels, type Tree } from './tree.ts';

/** Reads the right edge and holds it to the checkpoint. Throws `trustchain.log_corrupt`. */
export async function readState(files: LogFiles, { size, root }: Checkpoint, checkpoint: Uint8Array): Promise<LogState> {
  const levels = Array.from({ length: tileLevels(size) }, (_, level) => level);
  const tree: Tree = { size, edge: await Promise.all(levels.map((level) => readEdgeTile(files, level, size))) };
  const intact = equalBytes(rootOf(tree), root);
  if (!intact) throw trustError('trustchain.log_corrupt', { file: 'tile', reason: 'the tiles do not lead to the checkpoint' });
  const last = tree.edge[0] ?? null;
  const index = Math.floor(size / TILE_WIDTH);
  const bundle = last === null ? null : await files.read(formatTilePath({ level: 'entries', index, width: last.width }));
  const lastEntries = last === null ? [] : checkEntries(bundle ?? new Uint8Array(), last, index);
  return { tree, lastEntries, root, checkpoint };
}

/** Brings the index up to the published size; one that is ahead of the tree was made for another and is made anew. */
export async function fillIndex(
  index: LogIndex,
  state: LogState,
  sizeMax: number,
  store: TileStore,
  keysOf: (entry: Uint8Array) => readonly string[],
): Promise<void> {
  if (index.size() > sizeMax) await index.clear();
  const { size } = state.tree;
  for (let at = Math.floor(index.size() / TILE_WIDTH) * TILE_WIDTH; at < size; at += TILE_WIDTH) {
    const whole = at + TILE_WIDTH <= size;
    const entries = whole ? await store.entries(state.tree, at / TILE_WIDTH) : state.lastEntries;
    await index.put(
      at,
      entries.map((entry) => ({ hash: leafHash(entry), keys: keysOf(entry) })),
    );
  }
}

async function readEdgeTile(files: LogFiles, level: number, size: number): Promise<TileHashes | null> {
  const width = partialWidth(level, size);
  if (width === 0) return null;
  const index = Math.floor(size / TILE_WIDTH ** (level + 1));
  const bytes = await files.read(formatTilePath({ level, index, width }));
  if (bytes?.length !== width * TILE_HASH_BYTES) {
    throw trustError('trustchain.log_corrupt', { level, index, width, reason: 'missing or cut' });
  }
  return new TileHashes(bytes);
}
