import { type Codec, decode, encode } from '@hypermesh/stoq';
import type { StateReader, StateWriter } from '../machine/machine.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Records of one kind under `<prefix>/<id>`; ids are text in key order. */
export interface Table<T> {
  read(state: StateReader, id: string): T | undefined;
  write(state: StateWriter, id: string, record: T): void;
  remove(state: StateWriter, id: string): void;
  has(state: StateReader, id: string): boolean;
  /** Lazily, in id order; only ids that begin with `start`. */
  all(state: StateReader, start?: string): Iterable<T>;
  /** Lazily, in id order: those whose ids come after `id`. */
  after(state: StateReader, id: string): Iterable<T>;
  /** Ids that begin with `start`, at most `countMax`; read at once, so that the caller may change the table. */
  ids(state: StateReader, start: string, countMax?: number): readonly string[];
  count(state: StateReader): number;
}

export function table<T>(prefix: string, codec: Codec<T>): Table<T> {
  return {
    read(state, id) {
      const stored = state.get(keyOf(prefix, id));
      return stored === undefined ? undefined : decode(codec, stored);
    },
    write: (state, id, record) => state.set(keyOf(prefix, id), encode(codec, record)),
    remove: (state, id) => state.delete(keyOf(prefix, id)),
    has: (state, id) => state.get(keyOf(prefix, id)) !== undefined,
    *all(state, start = '') {
      for (const [, stored] of state.scan(keyOf(prefix, start))) yield decode(codec, stored);
    },
    *after(state, id) {
      const last = keyOf(prefix, id);
      for (const [key, stored] of state.scan(keyOf(prefix, ''))) if (Buffer.compare(key, last) > 0) yield decode(codec, stored);
    },
    ids: (state, start, countMax = Infinity) => namesOf(state, prefix, start, countMax),
    count(state) {
      let count = 0;
      for (const _ of state.scan(keyOf(prefix, ''))) count += 1;
      return count;
    },
  };
}

/** A set of texts in text order: indices over tables. */
export interface Index {
  add(state: StateWriter, entry: string): void;
  remove(state: StateWriter, entry: string): void;
  has(state: StateReader, entry: string): boolean;
  /** Entries that begin with `start`, at most `countMax`; read at once, so that the caller may change the set. */
  entries(state: StateReader, start: string, countMax?: number): readonly string[];
}

export function index(prefix: string): Index {
  return {
    add: (state, entry) => state.set(keyOf(prefix, entry), PRESENT),
    remove: (state, entry) => state.delete(keyOf(prefix, entry)),
    has: (state, entry) => state.get(keyOf(prefix, entry)) !== undefined,
    entries: (state, start, countMax = Infinity) => namesOf(state, prefix, start, countMax),
  };
}

const PRESENT = Uint8Array.of(1);

function namesOf(state: StateReader, prefix: string, start: string, countMax: number): readonly string[] {
  const found: string[] = [];
  for (const [key] of state.scan(keyOf(prefix, start))) {
    if (found.length >= countMax) break;
    found.push(decoder.decode(key).slice(prefix.length + 1));
  }
  return found;
}

function keyOf(prefix: string, id: string): Uint8Array {
  return encoder.encode(`${prefix}/${id}`);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/** Sixteen hex digits, so that text order is numeric order. */
export function sortable(value: number): string {
  return value.toString(16).padStart(16, '0');
}
