import { strict as assert } from 'node:assert';
import { EMPTY_ROOT } from './merkle.ts';
import { joinHashes, nodesOf } from './ranges.ts';
import { TILE_HASH_BYTES, TILE_HEIGHT, TILE_WIDTH, TileHashes, type TileName } from './tile.ts';

/** The right edge of a tree: all that appending needs. Immutable. */
export interface Tree {
  readonly size: number;
  /** The last tile of each level, where it is not full; null where the level ends in a full tile. */
  readonly edge: readonly (TileHashes | null)[];
}

export interface HashTile extends TileName {
  readonly level: number;
  readonly hashes: TileHashes;
}

export interface Growth {
  readonly tree: Tree;
  /** Tiles that are new or wider than before: full ones, and the last of each level. */
  readonly tiles: readonly HashTile[];
}

export const EMPTY_TREE: Tree = { size: 0, edge: [] };

/** Appends leaf hashes. */
export function growTree(tree: Tree, leaves: readonly Uint8Array[]): Growth {
  const edge: (TileHashes | null)[] = [];
  const tiles: HashTile[] = [];
  let added = leaves;
  // Hashes that the level has before the addition.
  let count = tree.size;
  for (let level = 0; added.length > 0 || level < tree.edge.length; level++) {
    const before = tree.edge[level] ?? null;
    const start = Math.floor(count / TILE_WIDTH);
    const { full, last } = cutTiles(before, added);
    full.forEach((hashes, i) => tiles.push({ level, index: start + i, width: TILE_WIDTH, hashes }));
    if (last !== null && added.length > 0) tiles.push({ level, index: start + full.length, width: last.width, hashes: last });
    edge.push(last);
    added = full.map((hashes) => hashes.root());
    count = start;
  }
  return { tree: { size: tree.size + leaves.length, edge }, tiles };
}

/** RFC 6962, 2.1: the tree hash. */
export function rootOf(tree: Tree): Uint8Array {
  if (tree.size === 0) return EMPTY_ROOT;
  const hashes = nodesOf({ begin: 0, end: tree.size }).map(({ level, index }) => {
    const tile = tree.edge[Math.floor(level / TILE_HEIGHT)];
    assert(tile, 'every subtree on the right edge ends in a partial tile');
    const inner = level % TILE_HEIGHT;
    return tile.node(inner, index % (TILE_WIDTH >> inner));
  });
  return joinHashes(hashes);
}

/** Width of the last, partial tile of a level in a tree of that size; 0 = none (C2SP tlog-tiles, partial tiles). */
export function partialWidth(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level) % TILE_WIDTH;
}

/** Tile levels of a tree of that size. */
export function tileLevels(size: number): number {
  let levels = 0;
  for (let count = size; count > 0; count = Math.floor(count / TILE_WIDTH)) levels++;
  return levels;
}

function cutTiles(before: TileHashes | null, added: readonly Uint8Array[]): { full: TileHashes[]; last: TileHashes | null } {
  if (added.length === 0) return { full: [], last: before };
  const known = before?.bytes ?? new Uint8Array();
  const bytes = new Uint8Array(known.length + added.length * TILE_HASH_BYTES);
  bytes.set(known);
  added.forEach((hash, i) => bytes.set(hash, known.length + i * TILE_HASH_BYTES));
  const full: TileHashes[] = [];
  const tileBytes = TILE_WIDTH * TILE_HASH_BYTES;
  let at = 0;
  for (; at + tileBytes <= bytes.length; at += tileBytes) full.push(new TileHashes(bytes.subarray(at, at + tileBytes)));
  return { full, last: at === bytes.length ? null : new TileHashes(bytes.subarray(at)) };
}
