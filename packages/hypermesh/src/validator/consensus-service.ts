import { type CallContext, decode, encode, equalBytes, type Handlers } from '@hypermesh/stoq';
import type { ValidatorEntry } from '@hypermesh/trustchain';
import { blockCodec, type ChainBlock } from '../consensus/block.ts';
import type { Consensus } from '../consensus/consensus.ts';
import { byteKey } from '../consensus/byte-key.ts';
import { CONSENSUS_MESSAGE_BYTES_MAX, FETCHED_BLOCKS_MAX, ORDERED_DIGESTS_MAX } from '../consensus/constants.ts';
import type { ConsensusEvent } from '../consensus/events.ts';
import { consensusMessageCodec } from '../consensus/messages.ts';
import { RecentKeys } from '../consensus/recent-keys.ts';
import { hypermeshError } from '../errors.ts';
import { batchDigest } from '../transaction/batch.ts';
import type { BatchVault } from './batch-vault.ts';
import type { BlockStore } from './block-store.ts';
import { BLOCKS_BYTES_MAX, type ConsensusMethods } from './consensus-contract.ts';
import type { PeerLink } from './peer-link.ts';

export interface ConsensusServiceComponents {
  readonly validators: readonly ValidatorEntry[];
  readonly self: number;
  readonly consensus: Pick<Consensus, 'chainTo'>;
  readonly blocks: BlockStore;
  readonly vault: BatchVault;
  readonly links: readonly PeerLink[];
  readonly dispatch: (event: ConsensusEvent) => void;
  /** A batch of a peer is durable here. */
  readonly stored: (digest: Uint8Array) => Promise<void>;
}

// Batches that one peer had stored here and no block carries: twice what an honest one keeps open.
export const PEER_BATCHES_MAX: number = 128;

/** What this validator answers the others. */
export class ConsensusService {
  readonly #components: ConsensusServiceComponents;
  /** By digest: which peer brought a batch that is not ordered yet. */
  readonly #brought = new Map<string, number>();
  readonly #open: number[];
  readonly handlers: Handlers<ConsensusMethods>;
  /** A copy that comes late is not counted: nothing would count it down again. */
  readonly #ordered = new RecentKeys(ORDERED_DIGESTS_MAX);

  constructor(components: ConsensusServiceComponents) {
    this.#components = components;
    this.#open = components.validators.map(() => 0);
    this.handlers = this.#handlers();
  }

  #handlers(): Handlers<ConsensusMethods> {
    const { dispatch, stored, links, vault } = this.#components;
    return {
      hello: async (_request, context) => {
        const peer = this.#callerOf(context);
        links.find(({ index }) => index === peer)?.heard();
        dispatch({ kind: 'connected', peer });
        return {};
      },
      message: async ({ message }, context) => {
        const from = this.#callerOf(context);
        dispatch({ kind: 'message', from, message: decode(consensusMessageCodec, message, CONSENSUS_MESSAGE_BYTES_MAX) });
        return {};
      },
      storeBatch: async ({ batch }, context) => {
        const peer = this.#callerOf(context);
        const digest = batchDigest(batch);
        if (!this.admits(digest, peer)) throw hypermeshError('hypermesh.mempool_full', { batches: PEER_BATCHES_MAX });
        await vault.store(batch, { ordered: this.#ordered.has(byteKey(digest)) });
        await stored(digest);
        return {};
      },
      batch: async ({ digest }, context) => {
        this.#callerOf(context);
        const batch = await vault.encoded(digest);
        if (batch === undefined) throw hypermeshError('hypermesh.batch_unknown');
        return { batch };
      },
      blocks: async ({ blockId, afterHeight }, context) => {
        this.#callerOf(context);
        return { blocks: await this.#blocks(blockId, afterHeight) };
      },
    };
  }

  /** Committed blocks carry these. */
  ordered(digests: readonly Uint8Array[]): void {
    for (const digest of digests) {
      this.#ordered.add(byteKey(digest));
      this.forget(digest);
    }
  }

  /** Whether the peer may have this batch stored here; if so, the batch counts as the peer's until a block carries it. */
  admits(digest: Uint8Array, peer: number): boolean {
    const key = byteKey(digest);
    if (this.#ordered.has(key) || this.#brought.has(key)) return true;
    if ((this.#open[peer] as number) >= PEER_BATCHES_MAX) return false;
    this.#brought.set(key, peer);
    (this.#open[peer] as number)++;
    return true;
  }

  /** The batch counts for nobody any more. */
  forget(digest: Uint8Array): void {
    const key = byteKey(digest);
    const peer = this.#brought.get(key);
    if (peer === undefined) return;
    this.#brought.delete(key);
    (this.#open[peer] as number)--;
  }

  #callerOf({ peer }: CallContext): number {
    const index = this.#components.validators.findIndex(({ nodeId }) => equalBytes(nodeId, peer.id));
    if (index === -1 || index === this.#components.self) throw hypermeshError('hypermesh.not_authorised');
    return index;
  }

  async #blocks(blockId: Uint8Array, afterHeight: number): Promise<Uint8Array[]> {
    const { blocks, consensus } = this.#components;
    const chain: ChainBlock[] = await blocks.blocksBetween(afterHeight, afterHeight + FETCHED_BLOCKS_MAX);
    const reached = chain.at(-1)?.height ?? afterHeight;
    const above = consensus.chainTo(blockId, reached) ?? [];
    // The disk may lag behind what consensus has committed.
    if (above[0]?.height === reached + 1) chain.push(...above);
    const encoded: Uint8Array[] = [];
    let bytes = 0;
    for (const { block } of chain.slice(0, FETCHED_BLOCKS_MAX)) {
      const next = encode(blockCodec, block);
      bytes += next.length;
      if (bytes > BLOCKS_BYTES_MAX) break;
      encoded.push(next);
    }
    return encoded;
  }
}
