import { equalBytes } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { LogFiles } from './files.ts';
import { leafHash } from './merkle.ts';
import { consistencyRanges, inclusionRanges, joinHashes, nodesOf, type Range, type TreeNode } from './ranges.ts';
import { decodeEntries, formatTilePath, TILE_HASH_BYTES, TILE_HEIGHT, TILE_WIDTH, TileHashes } from './tile.ts';
import type { HashTile, Tree } from './tree.ts';

// A full tile and its inner nodes take about 50 KiB.
const CACHED_TILES_MAX = 512;

/** Reads full tiles from disk, checked up to the right edge of the tree that the caller holds. */
export interface TileStore {
  /** Takes full tiles that have just been written. */
  admit(tiles: readonly HashTile[]): void;
  tile(tree: Tree, level: number, index: number): Promise<TileHashes>;
  /** The entries of a full bundle, checked against the tree. */
  entries(tree: Tree, index: number): Promise<readonly Uint8Array[]>;
  inclusionProof(tree: Tree, index: number, size: number): Promise<Uint8Array[]>;
  consistencyProof(tree: Tree, oldSize: number, newSize: number): Promise<Uint8Array[]>;
}

/** Throws `trustchain.log_corrupt` for a tile that is missing or does not hash to the one above it. */
export function createTileStore(files: LogFiles): TileStore {
  const cache = new BoundedCache<TileHashes>(CACHED_TILES_MAX);

  const tile: TileStore['tile'] = async (tree, level, index) => {
    if (index === edgeIndex(tree, level)) return tree.edge[level] ?? corrupt(level, index, 'no such tile');
    const key = `${level}/${index}`;
    const known = cache.get(key);
    if (known !== undefined) return known;
    const bytes = await files.read(formatTilePath({ level, index, width: TILE_WIDTH }));
    if (bytes?.length !== TILE_WIDTH * TILE_HASH_BYTES) return corrupt(level, index, 'missing or cut');
    const hashes = new TileHashes(bytes);
    const above = await tile(tree, level + 1, Math.floor(index / TILE_WIDTH));
    if (!equalBytes(hashes.root(), above.node(0, index % TILE_WIDTH))) corrupt(level, index, 'wrong hash');
    cache.set(key, hashes);
    return hashes;
  };

  const node = async (tree: Tree, { level, index }: TreeNode): Promise<Uint8Array> => {
    const inner = level % TILE_HEIGHT;
    const perTile = TILE_WIDTH >> inner;
    const hashes = await tile(tree, Math.floor(level / TILE_HEIGHT), Math.floor(index / perTile));
    return hashes.node(inner, index % perTile).slice();
  };

  const path = (tree: Tree, ranges: readonly Range[]): Promise<Uint8Array[]> =>
    Promise.all(ranges.map(async (range) => joinHashes(await Promise.all(nodesOf(range).map((part) => node(tree, part))))));

  return {
    admit(tiles) {
      for (const { level, index, width, hashes } of tiles) {
        if (width === TILE_WIDTH) cache.set(`${level}/${index}`, hashes);
      }
    },
    tile,
    async entries(tree, index) {
      const bytes = await files.read(formatTilePath({ level: 'entries', index, width: TILE_WIDTH }));
      if (bytes === null) return corrupt('entries', index, 'missing');
      return checkEntries(bytes, await tile(tree, 0, index), index);
    },
    inclusionProof: (tree, index, size) => path(tree, inclusionRanges(index, size)),
    consistencyProof: (tree, oldSize, newSize) => path(tree, consistencyRanges(oldSize, newSize)),
  };
}

/** The entries of a bundle, each held to its leaf hash. Throws `trustchain.log_corrupt`. */
export function checkEntries(bytes: Uint8Array, hashes: TileHashes, index: number): readonly Uint8Array[] {
  let entries: readonly Uint8Array[];
  try {
    entries = decodeEntries(bytes);
  } catch (cause) {
    throw trustError('trustchain.log_corrupt', { level: 'entries', index, reason: 'bundle' }, { cause });
  }
  const intact = entries.length === hashes.width && entries.every((entry, i) => equalBytes(leafHash(entry), hashes.node(0, i)));
  return intact ? entries : corrupt('entries', index, 'wrong hash');
}

/** Index of the partial tile of a level, whether or not it has any hash. */
function edgeIndex(tree: Tree, level: number): number {
  return Math.floor(tree.size / TILE_WIDTH ** (level + 1));
}

function corrupt(level: number | 'entries', index: number, reason: string): never {
  throw trustError('trustchain.log_corrupt', { level, index, reason });
}
