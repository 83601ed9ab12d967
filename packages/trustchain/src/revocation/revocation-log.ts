import { strict as assert } from 'node:assert';
import { type Clock, equalBytes } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import type { Log } from '../log/log.ts';
import type { LogReceipt } from '../log/pending-entry.ts';
import { Turn } from '../log/turn.ts';
import { parseCheckpoint } from '../note/checkpoint.ts';
import type { LogSigners } from '../note/log-signature.ts';
import { decodeRevocation, encodeRevocation, type Revocation, type RevocationView } from './revocation.ts';
import { RevocationTable } from './revocation-table.ts';
import {
  encodeRevocationUpdate,
  REVOCATION_COUNT_MAX,
  REVOCATION_LIFETIME_MS,
  type RevocationHead,
  type RevocationUpdate,
  signRevocationHead,
} from './update.ts';

export type RevocationRequest = Omit<Revocation, 'time'>;

/** TrustChain's side of revocation: the log, and its signed head, anew every minute. */
export interface RevocationLog extends RevocationView {
  readonly log: Log;
  /** Revocations of the node's certificates, in the order of the log. */
  ofNode(nodeId: Uint8Array): readonly Revocation[];
  /**
   * Answers once the entry is in the log and in the head. A serial revoked before keeps its first entry, unless the key is
   * reported as compromised only now. Throws `trustchain.serial_unknown`, `trustchain.revocation_full`, and what `Log.add` throws.
   */
  revoke(request: RevocationRequest, options?: { readonly signal?: AbortSignal }): Promise<LogReceipt>;
  /** Signed entries from index `from`; 0 is the whole snapshot. Throws `trustchain.log_range`. */
  update(from?: number): Uint8Array;
  /** Signs a new head over the newest checkpoint. */
  publish(): Promise<void>;
  /** Publishes every minute until `stop`; failures go to `onError` and are tried again the next minute. */
  start(onError: (error: unknown) => void): void;
  stop(): void;
  /** Calls back after each new head; returns the unsubscribe function. */
  onChange(listener: () => void): () => void;
}

export interface RevocationLogComponents {
  /** Opened with the origin of the revocation log. */
  readonly log: Log;
  readonly signers: LogSigners;
  readonly clock: Clock;
  /** The node of the certificate with that serial. Throws `trustchain.serial_unknown`. */
  readonly nodeOf: (serial: string) => Promise<Uint8Array>;
}

// How late a verifier can hear of a revocation when it missed the push.
export const REVOCATION_PUBLISH_INTERVAL_MS: number = 60_000;
// Half: the log takes no entry out, and the other half is the operators', whatever members do with their own certificates.
export const REVOCATIONS_BY_HOLDERS_MAX: number = 20_000;
// Whoever supersedes goes on renewing, and could go on for ever. Renewal supersedes nothing by itself.
export const SUPERSEDED_PER_NODE_MAX: number = 64;

/** Replays the log and signs a first head. */
export async function createRevocationLog(components: RevocationLogComponents): Promise<RevocationLog> {
  const ledger = new RevocationLedger(components);
  await ledger.signHead();
  const { log, clock, nodeOf } = components;
  const turn = new Turn();
  let cancelTimer: () => void = () => undefined;

  const publish = (): Promise<void> => turn.run(() => ledger.signHead());

  return {
    log,
    find: (serial) => ledger.table.find(serial),
    ofNode: (nodeId) => ledger.ofNode(nodeId),
    nextUpdate: () => ledger.head.nextUpdate,
    async revoke(request, options) {
      const nodeId = await nodeOf(request.serial);
      return turn.run(() => ledger.revoke(request, nodeId, options));
    },
    update: (from = 0) => ledger.update(from),
    publish,
    start(onError) {
      const schedule = (): void => {
        cancelTimer = clock.after(REVOCATION_PUBLISH_INTERVAL_MS, () => {
          schedule();
          publish().catch(onError);
        });
      };
      cancelTimer();
      schedule();
    },
    stop: () => cancelTimer(),
    onChange(listener) {
      ledger.listeners.add(listener);
      return () => ledger.listeners.delete(listener);
    },
  };
}

/** What of the log is published, and the head over it. */
class RevocationLedger {
  readonly table: RevocationTable = new RevocationTable();
  readonly listeners: Set<() => void> = new Set();
  readonly #components: RevocationLogComponents;
  readonly #entries: Uint8Array[] = [];
  readonly #indexes: Map<string, number> = new Map();
  /** By lower-case hex of the node id. */
  readonly #byNode: Map<string, Revocation[]> = new Map();
  #signed: Pick<RevocationUpdate, 'head' | 'signature'> | null = null;

  constructor(components: RevocationLogComponents) {
    this.#components = components;
  }

  get head(): RevocationHead {
    return this.#current.head;
  }

  get #current(): Pick<RevocationUpdate, 'head' | 'signature'> {
    assert(this.#signed, 'a head is signed before the log is handed out');
    return this.#signed;
  }

  async signHead(): Promise<void> {
    const { log, clock, signers } = this.#components;
    const checkpoint = log.checkpoint();
    const { size } = parseCheckpoint(checkpoint);
    const thisUpdate = clock.now();
    const head: RevocationHead = { thisUpdate, nextUpdate: thisUpdate + REVOCATION_LIFETIME_MS, checkpoint };
    const signature = await signRevocationHead(head, signers);
    for (let index = this.#entries.length; index < size; index++) await this.#take(await log.entry(index));
    this.#signed = { head, signature };
    for (const listener of this.listeners) listener();
  }

  ofNode(nodeId: Uint8Array): readonly Revocation[] {
    return this.#byNode.get(hex(nodeId)) ?? [];
  }

  async revoke(request: RevocationRequest, nodeId: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<LogReceipt> {
    const { log, clock } = this.#components;
    const known = this.table.find(request.serial);
    if (known !== null && (request.reason !== 'key-compromise' || known.reason === 'key-compromise')) {
      return log.receipt(this.#indexes.get(request.serial) as number);
    }
    this.#assertRoom(request, nodeId);
    const receipt = await log.add(encodeRevocation({ ...request, time: clock.now() }), options);
    await this.signHead();
    return receipt;
  }

  update(from: number): Uint8Array {
    const size = this.#entries.length;
    if (!Number.isSafeInteger(from) || from < 0 || from > size) throw trustError('trustchain.log_range', { from, size });
    return encodeRevocationUpdate({ from, entries: this.#entries.slice(from), ...this.#current });
  }

  /** Throws `trustchain.revocation_full`. */
  #assertRoom({ reason, revoker }: RevocationRequest, nodeId: Uint8Array): void {
    const superseded = this.ofNode(nodeId).filter((revocation) => revocation.reason === 'superseded').length;
    if (reason === 'superseded' && superseded >= SUPERSEDED_PER_NODE_MAX) {
      throw trustError('trustchain.revocation_full', { reason, countMax: SUPERSEDED_PER_NODE_MAX });
    }
    const countMax = equalBytes(revoker, nodeId) ? REVOCATIONS_BY_HOLDERS_MAX : REVOCATION_COUNT_MAX;
    if (this.#components.log.size() >= countMax) throw trustError('trustchain.revocation_full', { countMax });
  }

  async #take(entry: Uint8Array): Promise<void> {
    const revocation = decodeRevocation(entry);
    const node = hex(await this.#components.nodeOf(revocation.serial));
    const known = this.#byNode.get(node);
    if (known === undefined) this.#byNode.set(node, [revocation]);
    else known.push(revocation);
    this.#indexes.set(revocation.serial, this.#indexes.get(revocation.serial) ?? this.#entries.length);
    this.#entries.push(entry);
    this.table.add(revocation);
  }
}

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}
