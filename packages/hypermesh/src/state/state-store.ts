import { bytes, type Codec, decode, encode, HASH_BYTES, list, struct, uint } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import { INCLUSION_HASHES_MAX, type CompleteNode } from './append-only-tree.ts';
import { type StateRoots, stateRootsCodec } from './root-of-roots.ts';
import { type BytesLevel, getBytes, numberKey, numberOf, openLevel, tagged, writeNumber } from './level.ts';
import { nameOf } from './machine-state.ts';
import type { StateChange } from './sparse-tree.ts';

/** Where the execution of the log stands. */
export interface Checkpoint {
  readonly height: number;
  /** Id of the last executed block; zeroes at genesis. */
  readonly blockId: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Root of roots. */
  readonly root: Uint8Array;
  readonly receipts: number;
  /** Right edge of the receipt tree. */
  readonly edge: readonly Uint8Array[];
}

/** Everything that one block changes; written as one. */
export interface StateCommit {
  readonly checkpoint: Checkpoint;
  readonly machines: readonly { readonly name: string; readonly changes: readonly StateChange[] }[];
  readonly sequences: readonly StateChange[];
  readonly receipts: readonly { readonly index: number; readonly transactionId: Uint8Array; readonly encoded: Uint8Array }[];
  readonly nodes: readonly CompleteNode[];
  /** Null when the block left the root as it was. */
  readonly roots: StateRoots | null;
}

const checkpointCodec: Codec<Checkpoint> = struct({
  height: uint(),
  blockId: bytes(HASH_BYTES),
  time: uint(),
  root: bytes(HASH_BYTES),
  receipts: uint(),
  edge: list(bytes(HASH_BYTES), INCLUSION_HASHES_MAX),
});

// One byte in front of every key says what it is.
const CHECKPOINT: Uint8Array = Buffer.from('c');
const STATE = 's';
const SEQUENCE_PREFIX = 'q';
const SEQUENCE: Uint8Array = Buffer.from(SEQUENCE_PREFIX);
const RECEIPT = 'r'.charCodeAt(0);
const TRANSACTION = 't'.charCodeAt(0);
const NODE = 'n'.charCodeAt(0);
const ROOTS = 'h'.charCodeAt(0);

/** Owner of the executed state on disk: LevelDB, one atomic batch a block. */
export class StateStore {
  readonly #db: BytesLevel;

  private constructor(db: BytesLevel) {
    this.#db = db;
  }

  /** Throws `hypermesh.state_corrupt` when the database cannot be opened. */
  static async open(directory: string): Promise<StateStore> {
    return new StateStore(await openLevel(directory));
  }

  /** Undefined before genesis was committed. */
  async checkpoint(): Promise<Checkpoint | undefined> {
    const encoded = await getBytes(this.#db, CHECKPOINT);
    return encoded === undefined ? undefined : decode(checkpointCodec, encoded);
  }

  async machineEntries(name: string): Promise<StateChange[]> {
    return this.#entries(statePrefix(name));
  }

  async sequenceEntries(): Promise<StateChange[]> {
    return this.#entries(SEQUENCE);
  }

  async commit(commit: StateCommit): Promise<void> {
    const batch = this.#db.batch();
    for (const machine of commit.machines) {
      const prefix = nameOf(statePrefix(machine.name));
      for (const { name, value } of machine.changes) {
        if (value === null) batch.del(prefixedKey(prefix, name));
        else batch.put(prefixedKey(prefix, name), value);
      }
    }
    for (const { name, value } of commit.sequences) batch.put(prefixedKey(SEQUENCE_PREFIX, name), value as Uint8Array);
    for (const { index, transactionId, encoded } of commit.receipts) {
      const key = numberKey(RECEIPT, index);
      batch.put(key, encoded);
      batch.put(tagged(TRANSACTION, transactionId), key);
    }
    for (const { level, index, hash } of commit.nodes) batch.put(nodeKey(level, index), hash);
    if (commit.roots !== null) batch.put(numberKey(ROOTS, commit.checkpoint.height), encode(stateRootsCodec, commit.roots));
    batch.put(CHECKPOINT, encode(checkpointCodec, commit.checkpoint));
    // Not synced: LevelDB recovers to a whole earlier commit, and what is above it is executed again from the blocks.
    await batch.write();
  }

  /** Place of a transaction's receipt in the receipt tree. */
  async receiptIndex(transactionId: Uint8Array): Promise<number | undefined> {
    const key = await getBytes(this.#db, tagged(TRANSACTION, transactionId));
    return key === undefined ? undefined : numberOf(key);
  }

  async receipt(index: number): Promise<Uint8Array> {
    return this.#require(numberKey(RECEIPT, index));
  }

  async node(level: number, index: number): Promise<Uint8Array> {
    return this.#require(nodeKey(level, index));
  }

  /** Roots as of that height: those of the last block at or below it that changed them. */
  async rootsAt(height: number): Promise<StateRoots> {
    for await (const value of this.#db.values({ lte: numberKey(ROOTS, height), gte: numberKey(ROOTS, 0), reverse: true, limit: 1 })) {
      return decode(stateRootsCodec, value);
    }
    throw hypermeshError('hypermesh.state_corrupt', { reason: 'no roots', height });
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  async #require(key: Uint8Array): Promise<Uint8Array> {
    const value = await getBytes(this.#db, key);
    if (value === undefined) throw hypermeshError('hypermesh.state_corrupt', { missing: Buffer.from(key).toString('hex') });
    return value;
  }

  async #entries(prefix: Uint8Array): Promise<StateChange[]> {
    const entries: StateChange[] = [];
    const end = Uint8Array.from(prefix);
    end[end.length - 1] = (end.at(-1) as number) + 1;
    for await (const [key, value] of this.#db.iterator({ gte: prefix, lt: end })) {
      entries.push({ name: nameOf(key.subarray(prefix.length)), value: Uint8Array.from(value) });
    }
    return entries;
  }
}

/** Names of machines hold no zero byte, so that no machine's keys run into those of another. */
function statePrefix(name: string): Uint8Array {
  return Buffer.from(`${STATE}${name}\u0000`);
}

/** Both in Latin-1 form. */
function prefixedKey(prefix: string, name: string): Uint8Array {
  return Buffer.from(prefix + name, 'latin1');
}

function nodeKey(level: number, index: number): Uint8Array {
  const key = Buffer.allocUnsafe(10);
  key[0] = NODE;
  key[1] = level;
  writeNumber(key, index, 2);
  return key;
}
