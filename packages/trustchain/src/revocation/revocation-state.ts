import { readFile } from 'node:fs/promises';
import { type Clock, type Crypto, equalBytes, replaceFile } from '@hypermesh/stoq';
import { CLOCK_SKEW_MS_MAX } from '../constants.ts';
import { trustError } from '../errors.ts';
import { leafHash } from '../log/merkle.ts';
import { Turn } from '../log/turn.ts';
import { EMPTY_TREE, growTree, rootOf, type Tree } from '../log/tree.ts';
import type { SignedCheckpoint } from '../note/checkpoint.ts';
import { verifyCheckpoint } from '../verification/checkpoint-verification.ts';
import type { Trust } from '../verification/trust.ts';
import { decodeRevocation, type RevocationView } from './revocation.ts';
import { RevocationTable } from './revocation-table.ts';
import {
  decodeRevocationUpdate,
  encodeRevocationUpdate,
  REVOCATION_LIFETIME_MS,
  REVOCATION_UPDATE_BYTES_MAX,
  type RevocationUpdate,
  verifyRevocationHead,
} from './update.ts';

/** A verifier's copy of the revocation log: only ever replaced by a newer one that extends it. */
export interface RevocationState extends RevocationView {
  /** Entries held: the `from` of the delta to ask for. */
  size(): number;
  /** Time of the head that is held; null before the first. */
  thisUpdate(): number | null;
  /**
   * Takes over a snapshot or delta; answers false if it is the one already held. Throws `trustchain.revocation_malformed`,
   * `revocation_rollback`, `log_inconsistent`, `signature_failed`, `checkpoint_unsigned`, `witness_quorum_missing`.
   */
  apply(encoded: Uint8Array): Promise<boolean>;
  /** The state as a snapshot, to hand on; null before the first. */
  snapshot(): Uint8Array | null;
  /** Calls back after new revocations and after the end of staleness; returns the unsubscribe function. */
  onChange(listener: () => void): () => void;
}

export interface RevocationStateComponents {
  readonly trust: Trust;
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** File of the newest snapshot: without it a restart forgets what was revoked until the next one arrives. */
  readonly path?: string;
  /** As for bundles. */
  readonly policyVersionMin?: number;
}

interface Held {
  readonly update: RevocationUpdate;
  readonly tree: Tree;
  readonly root: Uint8Array;
  /** All entries from index 0. */
  readonly entries: readonly Uint8Array[];
}

export async function createRevocationState(components: RevocationStateComponents): Promise<RevocationState> {
  const { trust, crypto, clock, path, policyVersionMin } = components;
  const table = new RevocationTable();
  const listeners = new Set<() => void>();
  let held: Held | null = null;
  const turn = new Turn();

  const verify = (update: RevocationUpdate, versionMin: number | undefined): Held | null => {
    verifyRevocationHead(update, trust.logs.revocations, crypto);
    const version = versionMin === undefined ? {} : { policyVersionMin: versionMin };
    const checkpoint = verifyCheckpoint(update.head.checkpoint, 'revocations', { trust, crypto, ...version });
    return extend(held, update, checkpoint);
  };

  const take = (successor: Held): void => {
    const changed = successor.tree.size > (held?.tree.size ?? 0) || held === null || clock.now() > held.update.head.nextUpdate;
    for (const entry of successor.entries.slice(held?.entries.length ?? 0)) table.add(decodeRevocation(entry));
    held = successor;
    if (changed) for (const listener of listeners) listener();
  };

  // What is on disk was verified under the policy of its day, and is at worst too old.
  const stored = path === undefined ? null : await readSnapshot(path);
  const first = stored === null ? null : verify(stored, 0);
  if (first !== null) take(first);

  return {
    find: (serial) => table.find(serial),
    nextUpdate: () => held?.update.head.nextUpdate ?? null,
    size: () => held?.tree.size ?? 0,
    thisUpdate: () => held?.update.head.thisUpdate ?? null,
    apply: (encoded) =>
      turn.run(async () => {
        const update = decodeRevocationUpdate(encoded);
        assertTimes(update, clock.now());
        const successor = verify(update, policyVersionMin);
        if (successor === null) return false;
        if (path !== undefined) await replaceFile(path, snapshotOf(successor));
        take(successor);
        return true;
      }),
    snapshot: () => (held === null ? null : snapshotOf(held)),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** What the state becomes; null if nothing changes. */
function extend(held: Held | null, update: RevocationUpdate, { size, root }: SignedCheckpoint): Held | null {
  const { from, entries, head } = update;
  const known: readonly Uint8Array[] = held?.entries ?? [];
  if (from > known.length) malformed('a gap before the delta');
  if (from + entries.length !== size) malformed('the entries do not reach the checkpoint');
  if (held !== null) {
    const { thisUpdate } = held.update.head;
    if (head.thisUpdate < thisUpdate || size < held.tree.size) {
      throw trustError('trustchain.revocation_rollback', { thisUpdate: head.thisUpdate, held: thisUpdate, size, heldSize: held.tree.size });
    }
    const common = entries.slice(0, known.length - from);
    const same = common.every((entry, i) => equalBytes(entry, known[from + i] as Uint8Array));
    if (!same || (size === held.tree.size && !equalBytes(root, held.root))) {
      throw trustError('trustchain.log_inconsistent', { size, heldSize: held.tree.size });
    }
    if (head.thisUpdate === thisUpdate && size === held.tree.size) return null;
  }
  const fresh = entries.slice(known.length - from);
  for (const entry of fresh) decodeRevocation(entry);
  const { tree } = growTree(held?.tree ?? EMPTY_TREE, fresh.map(leafHash));
  if (!equalBytes(rootOf(tree), root)) {
    // Signed by the log, yet not an extension of what it signed before.
    if (known.length > 0) throw trustError('trustchain.log_inconsistent', { size, heldSize: known.length });
    malformed('the entries do not hash to the checkpoint');
  }
  return { update, tree, root, entries: [...known, ...fresh] };
}

function assertTimes({ head: { thisUpdate, nextUpdate } }: RevocationUpdate, now: number): void {
  if (thisUpdate > now + CLOCK_SKEW_MS_MAX) malformed('from the future');
  if (nextUpdate <= thisUpdate || nextUpdate > thisUpdate + REVOCATION_LIFETIME_MS) malformed('lifetime');
}

function snapshotOf({ update, entries }: Held): Uint8Array {
  return encodeRevocationUpdate({ ...update, from: 0, entries });
}

async function readSnapshot(path: string): Promise<RevocationUpdate | null> {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  if (bytes.length > REVOCATION_UPDATE_BYTES_MAX) malformed('file too large');
  return decodeRevocationUpdate(bytes);
}

function malformed(reason: string): never {
  throw trustError('trustchain.revocation_malformed', { reason });
}
