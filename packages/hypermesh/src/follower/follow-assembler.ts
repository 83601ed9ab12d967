import { CodedError, decode, equalBytes } from '@hypermesh/stoq';
import type { FollowItem } from '../api.ts';
import { type Block, blockCodec } from '../consensus/block.ts';
import { hypermeshError } from '../errors.ts';
import { batchDigest } from '../transaction/batch.ts';
import { type DecodedBatch, decodeTransactions } from '../transaction/decoded-batch.ts';
import { commitProofCodec } from '../validator/block-store.ts';
import type { LogVerifier } from './log-verifier.ts';

/** A final block with its batches. */
export interface FollowedBlock {
  readonly id: Uint8Array;
  readonly block: Block;
  readonly batches: readonly DecodedBatch[];
}

/** Puts the items of one `follow` stream together; whatever the server sends, only final blocks of the mesh come out. */
export class FollowAssembler {
  readonly #verifier: LogVerifier;
  readonly #pending: { readonly id: Uint8Array; readonly block: Block }[] = [];
  #batches: DecodedBatch[] = [];
  #lastId: Uint8Array;

  /** `lastId`: id of the block after which the stream begins. */
  constructor(verifier: LogVerifier, lastId: Uint8Array) {
    this.#verifier = verifier;
    this.#lastId = lastId;
  }

  /** The blocks that this item completes. Throws a coded error for anything that an honest validator does not send. */
  take(item: FollowItem): FollowedBlock[] {
    switch (item.kind) {
      case 'idle':
        return [];
      case 'final':
        this.#takeFinal(item.blocks, item.proof);
        return this.#completed();
      case 'batch':
        this.#takeBatch(item.batch);
        return this.#completed();
    }
  }

  #takeFinal(encodedBlocks: readonly Uint8Array[], encodedProof: Uint8Array): void {
    if (this.#pending.length > 0) throw hypermeshError('hypermesh.block_malformed', { reason: 'batches are missing' });
    const blocks = encodedBlocks.map((encoded) => decodeOr(() => decode(blockCodec, encoded)));
    const ids = this.#verifier.assertFinal(
      this.#lastId,
      blocks,
      decodeOr(() => decode(commitProofCodec, encodedProof)),
    );
    this.#pending.push(...blocks.map((block, at) => ({ block, id: ids[at] as Uint8Array })));
    this.#lastId = ids.at(-1) as Uint8Array;
  }

  #takeBatch(encoded: Uint8Array): void {
    const expected = this.#pending[0]?.block.batches[this.#batches.length];
    if (expected === undefined || !equalBytes(batchDigest(encoded), expected)) {
      throw hypermeshError('hypermesh.batch_malformed', { reason: 'digest' });
    }
    this.#batches.push(decodeTransactions(encoded));
  }

  #completed(): FollowedBlock[] {
    const completed: FollowedBlock[] = [];
    for (;;) {
      const next = this.#pending[0];
      if (next === undefined || next.block.batches.length > this.#batches.length) return completed;
      completed.push({ ...next, batches: this.#batches });
      this.#pending.shift();
      this.#batches = [];
    }
  }
}

function decodeOr<T>(decodeObject: () => T): T {
  try {
    return decodeObject();
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause;
    throw hypermeshError('hypermesh.block_malformed', { reason: cause.message }, { cause });
  }
}
