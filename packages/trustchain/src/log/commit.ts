import type { Crypto } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from '../note/checkpoint.ts';
import { type LogKeys, type LogSigners, signNoteText, verifyLogSignatures } from '../note/log-signature.ts';
import { formatNote, type NoteSignature } from '../note/note.ts';
import type { LogFiles } from './files.ts';
import type { LogIndex } from './log-index.ts';
import { encodeStaged } from './staged-batch.ts';
import { encodeEntries, formatTilePath, TILE_WIDTH, type TileName } from './tile.ts';
import type { TileStore } from './tile-store.ts';
import { growTree, partialWidth, rootOf, tileLevels, type Tree } from './tree.ts';

/** What is published. Immutable; a commit makes the next one. */
export interface LogState {
  readonly tree: Tree;
  /** Entries of the last bundle, where it is not full. */
  readonly lastEntries: readonly Uint8Array[];
  readonly root: Uint8Array;
  /** Signed note. */
  readonly checkpoint: Uint8Array;
}

/** Entries to commit together. Once staged it is committed, however often that takes. */
export interface Batch {
  readonly entries: readonly Uint8Array[];
  readonly hashes: readonly Uint8Array[];
  staged: boolean;
}

export interface CosignRequest extends Checkpoint {
  /** Note with the log's own signatures. */
  readonly checkpoint: Uint8Array;
  /** Consistency proof from an earlier size. */
  proveFrom(oldSize: number): Promise<readonly Uint8Array[]>;
}

/** Whoever must cosign a checkpoint before it is published. */
export interface CheckpointWitnesses {
  /** Cosignatures that satisfy the policy. Throws `trustchain.witness_quorum_missing`. */
  cosign(request: CosignRequest, options: { readonly signal: AbortSignal }): Promise<readonly NoteSignature[]>;
}

export interface CommitComponents {
  readonly origin: string;
  readonly signers: LogSigners;
  readonly crypto: Crypto;
  readonly files: LogFiles;
  readonly index: LogIndex;
  readonly store: TileStore;
  /** Asked at each commit; null while the witness policy demands no cosignature. */
  readonly witnesses: () => CheckpointWitnesses | null;
  readonly keysOf: (entry: Uint8Array) => readonly string[];
}

export const CHECKPOINT_PATH: string = 'checkpoint';
export const STAGED_PATH: string = 'staged';

/**
 * Extends the published log by a batch. Each step is durable before the next; running it again after a crash or failure
 * at any point leads to the same tree. What was staged may have been seen by witnesses, so it must be committed again.
 */
export async function commit(before: LogState, batch: Batch, components: CommitComponents, signal: AbortSignal): Promise<LogState> {
  const { files, index, store } = components;
  const growth = growTree(before.tree, batch.hashes);
  const bundles = growBundles(before, batch.entries);
  if (!batch.staged && batch.entries.length > 0) {
    await files.replace(STAGED_PATH, encodeStaged({ start: before.tree.size, entries: batch.entries }));
    batch.staged = true;
  }
  await allSettled([
    ...bundles.map((bundle) => files.replace(formatTilePath(bundle), encodeEntries(bundle.entries))),
    ...growth.tiles.map((tile) => files.replace(formatTilePath(tile), tile.hashes.bytes)),
  ]);
  store.admit(growth.tiles);
  await index.put(
    before.tree.size,
    batch.entries.map((entry, i) => ({ hash: batch.hashes[i] as Uint8Array, keys: components.keysOf(entry) })),
  );
  const root = rootOf(growth.tree);
  const checkpoint = await signCheckpoint(growth.tree, root, components, signal);
  await files.replace(CHECKPOINT_PATH, checkpoint);
  return { tree: growth.tree, lastEntries: lastOf(bundles, before), root, checkpoint };
}

/** Removes what a published commit has made superfluous; the staged batch last, so that a crash repeats the sweep. */
export async function sweep(sizeBefore: number, sizeAfter: number, files: LogFiles): Promise<void> {
  for (const tile of staleTiles(sizeBefore, sizeAfter)) {
    const path = formatTilePath(tile);
    const width = TILE_WIDTH ** (tile.level === 'entries' ? 1 : tile.level + 1);
    // A full tile replaces all its partial ones.
    const full = tile.index < Math.floor(sizeAfter / width);
    await files.remove(full ? path.slice(0, path.lastIndexOf('/')) : path);
  }
  await files.remove(STAGED_PATH);
}

/** The first checkpoint of a log, and each later one: signed by both keys, then cosigned as the policy demands. */
export async function signCheckpoint(
  tree: Tree,
  root: Uint8Array,
  components: Pick<CommitComponents, 'origin' | 'signers' | 'store' | 'witnesses'>,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { origin, signers, store } = components;
  const head: Checkpoint = { origin, size: tree.size, root };
  const text = formatCheckpoint(head);
  const signatures = await signNoteText(text, origin, signers);
  const checkpoint = formatNote({ text, signatures });
  const witnesses = components.witnesses();
  if (witnesses === null) return checkpoint;
  const proveFrom: CosignRequest['proveFrom'] = async (oldSize) => {
    if (oldSize > tree.size) throw trustError('trustchain.log_range', { oldSize, size: tree.size });
    return store.consistencyProof(tree, oldSize, tree.size);
  };
  const cosignatures = await witnesses.cosign({ ...head, checkpoint, proveFrom }, { signal });
  return formatNote({ text, signatures: [...signatures, ...cosignatures] });
}

/** Reads a checkpoint of the log itself. Throws `trustchain.log_corrupt`. */
export function readOwnCheckpoint(bytes: Uint8Array, keys: LogKeys, crypto: Crypto): Checkpoint {
  try {
    const checkpoint = parseCheckpoint(bytes);
    if (checkpoint.origin !== keys.origin) throw trustError('trustchain.checkpoint_malformed', { origin: checkpoint.origin });
    verifyLogSignatures(checkpoint.note, keys, crypto);
    return checkpoint;
  } catch (cause) {
    throw trustError('trustchain.log_corrupt', { file: CHECKPOINT_PATH, reason: (cause as Error).message }, { cause });
  }
}

interface EntryBundle extends TileName {
  readonly entries: readonly Uint8Array[];
}

function growBundles({ tree, lastEntries }: LogState, added: readonly Uint8Array[]): readonly EntryBundle[] {
  if (added.length === 0) return [];
  const first = Math.floor(tree.size / TILE_WIDTH);
  const all = [...lastEntries, ...added];
  const bundles: EntryBundle[] = [];
  for (let at = 0; at < all.length; at += TILE_WIDTH) {
    const entries = all.slice(at, at + TILE_WIDTH);
    bundles.push({ level: 'entries', index: first + at / TILE_WIDTH, width: entries.length, entries });
  }
  return bundles;
}

/** Waits for all of them, so that a commit that is tried again never meets writes of the one before. */
async function allSettled(writes: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(writes);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

function lastOf(bundles: readonly EntryBundle[], before: LogState): readonly Uint8Array[] {
  const last = bundles.at(-1);
  if (last === undefined) return before.lastEntries;
  return last.width === TILE_WIDTH ? [] : last.entries;
}

/** Partial tiles of the old tree that are wider or full in the new one. */
function staleTiles(sizeBefore: number, sizeAfter: number): readonly TileName[] {
  const stale: TileName[] = [];
  for (let level = 0; level < tileLevels(sizeBefore); level++) {
    const width = partialWidth(level, sizeBefore);
    if (width === 0 || Math.floor(sizeBefore / TILE_WIDTH ** level) === Math.floor(sizeAfter / TILE_WIDTH ** level)) continue;
    const index = Math.floor(sizeBefore / TILE_WIDTH ** (level + 1));
    stale.push({ level, index, width });
    if (level === 0) stale.push({ level: 'entries', index, width });
  }
  return stale;
}
