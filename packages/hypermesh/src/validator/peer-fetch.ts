import { type Clock, decode, hasCode, pause } from '@hypermesh/stoq';
import { type Block, blockCodec } from '../consensus/block.ts';
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
// Batches of one request under way; each is up to 1 MiB.
const BATCHES_AT_ONCE = 4;

/** Gets from peers what is missing here, from one after the other. */
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
    for (const link of this.#inTurn(from)) {
      try {
        const encoded = await link.blocks(blockId, afterHeight);
        if (encoded.length > 0) return { from: link.index, blocks: encoded.map((bytes) => decode(blockCodec, bytes)) };
      } catch {
        // The next peer may have it; one that is away is seen by its link.
      }
    }
    return undefined;
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

  #batch(digest: Uint8Array, links: () => Iterable<PeerLink>, ordered: boolean): Promise<boolean> {
    const key = Buffer.from(digest).toString('latin1');
    const known = this.#underWay.get(key);
    if (known !== undefined) return known;
    const fetching = this.#fetchBatch(digest, links, ordered).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, fetching);
    return fetching;
  }

  async #fetchBatch(digest: Uint8Array, links: () => Iterable<PeerLink>, ordered: boolean): Promise<boolean> {
    const { vault } = this.#components;
    if (await vault.has(digest)) return true;
    for (const link of links()) {
      let encoded: Uint8Array;
      try {
        encoded = await link.batch(digest);
      } catch {
        continue;
      }
      try {
        await vault.store(encoded, { expected: digest, ordered });
        return true;
      } catch (error) {
        // Another batch than was asked for: the next peer may be honest.
        if (!hasCode(error, 'hypermesh.batch_malformed')) throw error;
      }
    }
    return false;
  }

  /**
   * Peers that were named first, and before all those that answer; among equals the one that was not asked for longest, so that
   * no peer whose answers are useless is the first twice in a row.
   */
  *#inTurn(from: readonly number[]): Generator<PeerLink, void> {
    const rank = (link: PeerLink): number => (link.isUp ? 0 : 2) + (from.includes(link.index) ? 0 : 1);
    const askedAt = (link: PeerLink): number => this.#askedAt.get(link) ?? 0;
    for (const link of this.#components.links.toSorted((a, b) => rank(a) - rank(b) || askedAt(a) - askedAt(b))) {
      this.#askedAt.set(link, ++this.#asks);
      yield link;
    }
  }
}
