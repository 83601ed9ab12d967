import { trustError } from '../errors.ts';
import { nodeHash } from './merkle.ts';

/** C2SP tlog-tiles: 256 hashes or entries make a full tile. */
export const TILE_WIDTH: number = 256;
/** Tree levels in one tile. */
export const TILE_HEIGHT: number = 8;
export const TILE_HASH_BYTES: number = 32;
// The length prefix of entry bundles has two bytes.
export const ENTRY_BYTES_MAX: number = 65_535;
/** Levels that a tree of 2^53 entries can have. */
export const TILE_LEVEL_MAX: number = 6;

const LENGTH_BYTES = 2;
const PATH = /^tile\/(entries|0|[1-9]\d?)\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/** What one file of a log holds: hashes at a level, or the entries themselves. */
export interface TileName {
  readonly level: number | 'entries';
  readonly index: number;
  /** 1 to 256; less than 256 for a partial tile. */
  readonly width: number;
}

/** `tile/<level>/<index>`, with `.p/<width>` for a partial tile. */
export function formatTilePath({ level, index, width }: TileName): string {
  const groups = [String(index % 1000).padStart(3, '0')];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`);
  }
  const path = `tile/${level}/${groups.join('/')}`;
  return width === TILE_WIDTH ? path : `${path}.p/${width}`;
}

/** Accepts only what `formatTilePath` writes. Throws `trustchain.log_range`. */
export function parseTilePath(path: string): TileName {
  const [, level, groups, width] = PATH.exec(path) ?? [];
  const name: TileName = {
    level: level === 'entries' ? level : Number(level),
    index: Number((groups ?? '').replaceAll(/[x/]/g, '')),
    width: width === undefined ? TILE_WIDTH : Number(width),
  };
  const canonical = Number.isSafeInteger(name.index) && name.width <= TILE_WIDTH && formatTilePath(name) === path;
  if (!canonical || (name.level !== 'entries' && !(name.level <= TILE_LEVEL_MAX))) throw trustError('trustchain.log_range', { path });
  return name;
}

/** Entries behind their lengths, each two bytes, big-endian. */
export function encodeEntries(entries: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + LENGTH_BYTES + entry.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const entry of entries) {
    view.setUint16(at, entry.length);
    bytes.set(entry, at + LENGTH_BYTES);
    at += LENGTH_BYTES + entry.length;
  }
  return bytes;
}

/** Views of the entries. Throws `trustchain.entry_malformed`. */
export function decodeEntries(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const begin = at + LENGTH_BYTES;
    const end = begin > bytes.length ? Infinity : begin + view.getUint16(at);
    if (end > bytes.length) throw trustError('trustchain.entry_malformed', { at, reason: 'truncated bundle' });
    entries.push(bytes.subarray(begin, end));
    at = end;
  }
  return entries;
}

/** The hashes of a tile and, once asked for, of the subtrees inside it. */
export class TileHashes {
  readonly bytes: Uint8Array;
  readonly #inner: Map<number, Uint8Array> = new Map();

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get width(): number {
    return this.bytes.length / TILE_HASH_BYTES;
  }

  /** Hash of `2^level` hashes of the tile, the `position`-th group of that many. */
  node(level: number, position: number): Uint8Array {
    if (level === 0) return this.bytes.subarray(position * TILE_HASH_BYTES, (position + 1) * TILE_HASH_BYTES);
    const key = level * TILE_WIDTH + position;
    let hash = this.#inner.get(key);
    if (hash === undefined) {
      hash = nodeHash(this.node(level - 1, position * 2), this.node(level - 1, position * 2 + 1));
      this.#inner.set(key, hash);
    }
    return hash;
  }

  /** Of a full tile: its entry in the tile above. */
  root(): Uint8Array {
    return this.node(TILE_HEIGHT, 0);
  }
}
