import { type Attempt, type Clock, decode, equalBytes, hasCode, pause, raceAttempts } from '@hypermesh/stoq';
import { type Block, blockCodec } from '../consensus/block.ts';
import { hypermeshError } from '../errors.ts';
import { batchDigest } from '../transaction/batch.ts';
import type { DecodedBatch } from '../transaction/decoded-batch.ts';
import type { BatchVault } from './batch-vault.ts';
import type { PeerLink } from './peer-link.ts';

export interface PeerFetchComponents {
  readonly links: readonly PeerLink[];
  readonly vault: BatchVault;
  readonly clock: Clock;
}

// Between two rounds through all peers for a batch that a committed block needs.
const RETRY_MS = 250;
// How long a peer has before another is asked as well: one that has just died shows it only after seconds, and in some rounds
// no quorum is without this validator. A batch of 1 MiB travels in that time at 17 Mbit/s.
export const HEAD_START_MS: number = 500;
// Batches of one request under way; each is up to 1 MiB.
const BATCHES_AT_ONCE = 4;

/** Gets from peers what is missing here, from one after the other, or from the next as well when one is slow. */
export class PeerFetch {
  readonly #components: PeerFetchComponents;
  readonly #underWay = new Map<string, Promise<boolean>>();
  /** By peer: the number of the last request. */
  readonly #askedAt = new Map<PeerLink, number>();
  #asks = 0;

  constructor(components: PeerFetchComponents) {
    this.#components = components;
  }

  /** Tells of each that is stored here now. */
  async batches(digests: readonly Uint8Array[], from: readonly number[], stored: (digest: Uint8Array) => Promise<void>): Promise<void> {
    await this.#all(digests, stored, (digest) => this.#batch(digest, () => this.#inTurn(from), false));
  }

  /** As `batches`, from the one validator that says it has them. */
  async announced(digests: readonly Uint8Array[], from: number, stored: (digest: Uint8Array) => Promise<void>): Promise<void> {
    const links = this.#components.links.filter(({ index }) => index === from);
    await this.#all(digests, stored, (digest) => this.#batch(digest, () => links, false));
  }

  /** A batch of a committed block: a quorum had it, so it is asked for until it is here. */
  async load(digest: Uint8Array, signal: AbortSignal): Promise<DecodedBatch> {
    for (;;) {
      const batch = await this.#components.vault.load(digest);
      if (batch !== undefined) return batch;
      signal.throwIfAborted();
      if (!(await this.#batch(digest, () => this.#inTurn([]), true))) await pause(this.#components.clock, RETRY_MS, signal);
    }
  }

  /** The chain above a height and who gave it; undefined when nobody does. */
  async blocks(
    blockId: Uint8Array,
    afterHeight: number,
    from: readonly number[],
  ): Promise<{ readonly from: number; readonly blocks: readonly Block[] } | undefined> {
    return this.#first(this.#inTurn(from), async (link, signal) => {
      const encoded = await link.blocks(blockId, afterHeight, signal);
      if (encoded.length === 0) throw hypermeshError('hypermesh.block_unknown');
      return { from: link.index, blocks: encoded.map((bytes) => decode(blockCodec, bytes)) };
    });
  }

  async #all(
    digests: readonly Uint8Array[],
    stored: (digest: Uint8Array) => Promise<void>,
    get: (digest: Uint8Array) => Promise<boolean>,
  ): Promise<void> {
    const queue = [...digests];
    const worker = async (): Promise<void> => {
      for (let digest = queue.shift(); digest !== undefined; digest = queue.shift()) if (await get(digest)) await stored(digest);
    };
    await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, worker));
  }

  #batch(digest: Uint8Array, links: () => readonly PeerLink[], ordered: boolean): Promise<boolean> {
    const key = Buffer.from(digest).toString('latin1');
    const known = this.#underWay.get(key);
    if (known !== undefined) return known;
    const fetching = this.#fetchBatch(digest, links, ordered).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, fetching);
    return fetching;
  }

  async #fetchBatch(digest: Uint8Array, links: () => readonly PeerLink[], ordered: boolean): Promise<boolean> {
    const { vault } = this.#components;
    if (await vault.has(digest)) return true;
    const encoded = await this.#first(links(), async (link, signal) => {
      const batch = await link.batch(digest, signal);
      if (!equalBytes(batchDigest(batch), digest)) throw hypermeshError('hypermesh.batch_malformed', { reason: 'digest' });
      return batch;
    });
    if (encoded === undefined) return false;
    try {
      await vault.store(encoded, { ordered });
      return true;
    } catch (error) {
      // What a faulty validator announced: no honest one has it.
      if (hasCode(error, 'hypermesh.batch_malformed')) return false;
      throw error;
    }
  }

  /** The first answer that is of use; undefined when there is none. */
  async #first<T>(links: readonly PeerLink[], ask: (link: PeerLink, signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const attempts = links.map((link): Attempt<T> => {
      return (signal) => {
        this.#askedAt.set(link, ++this.#asks);
        return ask(link, signal);
      };
    });
    try {
      return await raceAttempts(attempts, {
        timer: this.#components.clock,
        headStartMs: HEAD_START_MS,
        signal: new AbortController().signal,
        discard: () => {},
        failure: ([error]) => error,
      });
    } catch {
      // One that is away is seen by its link.
      return undefined;
    }
  }

  /**
   * Peers that were named first, and before all those that answer; among equals the one that was not asked for longest, so that
   * no peer whose answers are useless is the first twice in a row.
   */
  #inTurn(from: readonly number[]): readonly PeerLink[] {
    const rank = (link: PeerLink): number => (link.isUp ? 0 : 2) + (from.includes(link.index) ? 0 : 1);
    const askedAt = (link: PeerLink): number => this.#askedAt.get(link) ?? 0;
    return this.#components.links.toSorted((a, b) => rank(a) - rank(b) || askedAt(a) - askedAt(b));
  }
}
