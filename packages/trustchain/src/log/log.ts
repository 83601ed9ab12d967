import { join } from 'node:path';
import type { Clock, Crypto } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import type { LogKeys, LogSigners } from '../note/log-signature.ts';
import {
  CHECKPOINT_PATH,
  type CheckpointWitnesses,
  type CommitComponents,
  type LogState,
  readOwnCheckpoint,
  signCheckpoint,
  STAGED_PATH,
  sweep,
} from './commit.ts';
import { createLogFiles, type LogFiles } from './files.ts';
import { openLogIndex } from './log-index.ts';
import { EMPTY_ROOT, leafHash } from './merkle.ts';
import { createPendingEntry, type LogReceipt, untilAborted } from './pending-entry.ts';
import { fillIndex, readState } from './recovery.ts';
import { decodeStaged, type StagedBatch } from './staged-batch.ts';
import { encodeEntries, ENTRY_BYTES_MAX, parseTilePath, TILE_HASH_BYTES, TILE_WIDTH, type TileName } from './tile.ts';
import { createTileStore, type TileStore } from './tile-store.ts';
import { EMPTY_TREE } from './tree.ts';
import { LogWriter, receiptOf } from './writer.ts';

export interface LogConfig {
  readonly directory: string;
  /** Origin line and key name. */
  readonly origin: string;
  readonly signers: LogSigners;
  /** Other keys under which `find` answers with the newest entry, e.g. serial numbers. */
  readonly keysOf?: (entry: Uint8Array) => readonly string[];
}

export interface LogComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** By default the folder of the configuration. */
  readonly files?: LogFiles;
  /** Asked at each commit; null while the witness policy demands no cosignature. */
  readonly witnesses?: () => CheckpointWitnesses | null;
}

/** A transparency log: append-only, with one writer, served as C2SP tlog-tiles. */
export interface Log {
  readonly keys: LogKeys;
  /** Published entries. */
  size(): number;
  /** The newest published checkpoint, a signed note. */
  checkpoint(): Uint8Array;
  /**
   * Answers once the entry is durable and under a published checkpoint; an entry that is there already gets its first
   * index. Throws `trustchain.log_overload`, `trustchain.entry_malformed`, `trustchain.witness_quorum_missing`.
   */
  add(entry: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<LogReceipt>;
  /** The receipt of an entry under the newest checkpoint. Throws `trustchain.log_range`. */
  receipt(index: number): Promise<LogReceipt>;
  /** Index of the newest entry with that key of `keysOf`. */
  find(key: string): Promise<number | null>;
  entry(index: number): Promise<Uint8Array>;
  /** Consistency proof between two published sizes. */
  consistency(oldSize: number, newSize: number): Promise<readonly Uint8Array[]>;
  /** `checkpoint` and the paths of tlog-tiles, nothing else. Throws `trustchain.log_range`. */
  read(path: string): Promise<Uint8Array>;
  /** Publishes a new checkpoint, cosigned under the policy of now, even if nothing was added. */
  refresh(options?: { readonly signal?: AbortSignal }): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Makes an empty log and opens it. Throws `trustchain.log_exists`. */
export async function createLog(config: LogConfig, components: LogComponents): Promise<Log> {
  const files = components.files ?? createLogFiles(config.directory);
  for (const path of [CHECKPOINT_PATH, STAGED_PATH]) {
    if ((await files.read(path)) !== null) throw trustError('trustchain.log_exists', { directory: config.directory });
  }
  const signing = { origin: config.origin, signers: config.signers, store: createTileStore(files), witnesses: () => null };
  await files.replace(CHECKPOINT_PATH, await signCheckpoint(EMPTY_TREE, EMPTY_ROOT, signing, new AbortController().signal));
  return openLog(config, { ...components, files });
}

/** Throws `trustchain.log_missing`, `trustchain.log_corrupt`, `trustchain.log_locked`. */
export async function openLog(config: LogConfig, components: LogComponents): Promise<Log> {
  const files = components.files ?? createLogFiles(config.directory);
  const { origin, signers, keysOf = () => [] } = config;
  const { crypto, clock, witnesses = () => null } = components;
  const keys: LogKeys = { origin, classical: signers.classical.publicKey, postQuantum: signers.postQuantum.publicKey };
  const checkpoint = await files.read(CHECKPOINT_PATH);
  if (checkpoint === null) throw trustError('trustchain.log_missing', { directory: config.directory });
  const state = await readState(files, readOwnCheckpoint(checkpoint, keys, crypto), checkpoint);
  const staged = await readStaged(files, state);
  const store = createTileStore(files);
  const index = await openLogIndex(join(config.directory, 'index'));
  try {
    await fillIndex(index, state, state.tree.size + (staged?.entries.length ?? 0), store, keysOf);
  } catch (error) {
    await index.close();
    throw error;
  }
  const commitComponents: CommitComponents = { origin, signers, crypto, files, index, store, witnesses, keysOf };
  const writer = new LogWriter(state, commitComponents, clock);
  if (staged !== null) await writer.recover(staged);
  return logOf(keys, writer, commitComponents);
}

function logOf(keys: LogKeys, writer: LogWriter, components: CommitComponents): Log {
  const { index, store } = components;

  const submit = (entry: Uint8Array): Promise<LogReceipt> => {
    const under = writer.pending.find(leafHash(entry));
    if (under !== undefined) return under.receipt;
    const pending = createPendingEntry(Uint8Array.from(entry));
    writer.pending.add(pending);
    writer.enqueue(pending);
    return pending.receipt;
  };

  return {
    keys,
    size: () => writer.state.tree.size,
    checkpoint: () => writer.state.checkpoint,
    async add(entry, { signal } = {}) {
      assertOpen(writer);
      if (entry.length === 0 || entry.length > ENTRY_BYTES_MAX) {
        throw trustError('trustchain.entry_malformed', { bytes: entry.length, bytesMax: ENTRY_BYTES_MAX });
      }
      return untilAborted(submit(entry), signal);
    },
    async receipt(at) {
      assertIndex(at, writer.state.tree.size - 1);
      return receiptOf(writer.state, at, components);
    },
    async find(key) {
      assertOpen(writer);
      const found = await index.findKey(key);
      return found !== null && found < writer.state.tree.size ? found : null;
    },
    async entry(at) {
      assertIndex(at, writer.state.tree.size - 1);
      const entries = await bundleOf(writer.state, Math.floor(at / TILE_WIDTH), store);
      return Uint8Array.from(entries[at % TILE_WIDTH] as Uint8Array);
    },
    async consistency(oldSize, newSize) {
      assertIndex(newSize, writer.state.tree.size);
      assertIndex(oldSize, newSize);
      return store.consistencyProof(writer.state.tree, oldSize, newSize);
    },
    read: async (path) => (path === CHECKPOINT_PATH ? writer.state.checkpoint : readTile(writer.state, parseTilePath(path), store)),
    async refresh({ signal } = {}) {
      assertOpen(writer);
      await untilAborted(writer.refresh(), signal);
      return writer.state.checkpoint;
    },
    async close() {
      if (writer.closed) return;
      await writer.close();
      await index.close();
    },
  };
}

/** The batch that a crash left between staging and publication; null if it was published. */
async function readStaged(files: LogFiles, { tree }: LogState): Promise<StagedBatch | null> {
  const bytes = await files.read(STAGED_PATH);
  if (bytes === null) return null;
  const staged = decodeStaged(bytes);
  if (staged.start + staged.entries.length <= tree.size) {
    await sweep(staged.start, tree.size, files);
    return null;
  }
  if (staged.start === tree.size) return staged;
  throw trustError('trustchain.log_corrupt', { file: STAGED_PATH, start: staged.start, size: tree.size });
}

/** A partial tile is a prefix of any wider one, so old ones are cut from what is there. */
async function readTile(state: LogState, name: TileName, store: TileStore): Promise<Uint8Array> {
  const { level, index, width } = name;
  const perHash = level === 'entries' ? 1 : TILE_WIDTH ** level;
  assertIndex(index * TILE_WIDTH + width, Math.floor(state.tree.size / perHash));
  if (level === 'entries') return encodeEntries((await bundleOf(state, index, store)).slice(0, width));
  return (await store.tile(state.tree, level, index)).bytes.slice(0, width * TILE_HASH_BYTES);
}

async function bundleOf(state: LogState, index: number, store: TileStore): Promise<readonly Uint8Array[]> {
  return index === Math.floor(state.tree.size / TILE_WIDTH) ? state.lastEntries : store.entries(state.tree, index);
}

function assertIndex(index: number, max: number): void {
  if (!Number.isSafeInteger(index) || index < 0 || index > max) throw trustError('trustchain.log_range', { index, max });
}

function assertOpen(writer: LogWriter): void {
  if (writer.closed) throw trustError('trustchain.log_closed');
}
