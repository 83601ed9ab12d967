import { type Codec, decode, encode, struct } from '@hypermesh/stoq';
import { type Block, blockCodec, type ChainBlock, chainBlockCodec } from '../consensus/block.ts';
import { quorumCertificateCodec, type QuorumCertificate } from '../consensus/certificate.ts';
import type { CommitProof } from '../consensus/events.ts';
import { hypermeshError } from '../errors.ts';
import { type BytesLevel, getBytes, numberKey, numberOf, openLevel, tagged } from '../state/level.ts';

/** A block that a quorum vouches for: batches, and the root that it states. */
export interface CertifiedBlock {
  readonly block: Block;
  readonly qc: QuorumCertificate;
}

export const commitProofCodec: Codec<CommitProof> = struct({ child: blockCodec, qc: quorumCertificateCodec });
export const certifiedBlockCodec: Codec<CertifiedBlock> = struct({ block: blockCodec, qc: quorumCertificateCodec });

/** Blocks in a row that one proof shows to be final. */
export interface FinalBlocks {
  readonly blocks: readonly ChainBlock[];
  readonly proof: CommitProof;
}

// One byte in front of every key says what it is.
const BLOCK = 'b'.charCodeAt(0);
const PROOF = 'p'.charCodeAt(0);
const BATCH = 'd'.charCodeAt(0);
const UNORDERED = 'u'.charCodeAt(0);
const CERTIFIED: Uint8Array = Buffer.from('c');
const FOUNDED: Uint8Array = Buffer.from('f');

/** Owner of committed blocks and of batches on disk (LevelDB). Nothing is pruned yet. */
export class BlockStore {
  readonly #db: BytesLevel;

  private constructor(db: BytesLevel) {
    this.#db = db;
  }

  /** Throws `hypermesh.state_corrupt` when the database cannot be opened. */
  static async open(directory: string): Promise<BlockStore> {
    return new BlockStore(await openLevel(directory));
  }

  /** Committed blocks in ascending order and the proof for the last of them; durable when it resolves. */
  async putFinal({ blocks, proof }: FinalBlocks): Promise<void> {
    const batch = this.#db.batch();
    for (const block of blocks) {
      batch.put(numberKey(BLOCK, block.height), encode(chainBlockCodec, block));
      for (const digest of block.block.batches) batch.del(tagged(UNORDERED, digest));
    }
    batch.put(numberKey(PROOF, (blocks.at(-1) as ChainBlock).height), encode(commitProofCodec, proof));
    await batch.write({ sync: true });
  }

  /** The newest committed block with its proof; undefined before the first. */
  async newest(): Promise<{ readonly block: ChainBlock; readonly proof: CommitProof } | undefined> {
    for await (const [key, value] of this.#db.iterator({ ...rangeOf(PROOF), reverse: true, limit: 1 })) {
      const block = await this.block(numberOf(key));
      if (block === undefined) throw hypermeshError('hypermesh.state_corrupt', { missing: 'block', height: numberOf(key) });
      return { block, proof: decode(commitProofCodec, value) };
    }
    return undefined;
  }

  async block(height: number): Promise<ChainBlock | undefined> {
    const encoded = await getBytes(this.#db, numberKey(BLOCK, height));
    return encoded === undefined ? undefined : decode(chainBlockCodec, encoded);
  }

  /** The blocks above `afterHeight`, at most `countMax` of them if a proof stands within these; undefined when there are none. */
  async finalAfter(afterHeight: number, countMax: number): Promise<FinalBlocks | undefined> {
    const proved = await this.#provedHeight(afterHeight, countMax);
    if (proved === undefined) return undefined;
    const proof = await getBytes(this.#db, numberKey(PROOF, proved));
    const blocks = await this.blocksBetween(afterHeight, proved);
    return { blocks, proof: decode(commitProofCodec, proof as Uint8Array) };
  }

  /** Blocks above `afterHeight` up to `height`, in ascending order. */
  async blocksBetween(afterHeight: number, height: number): Promise<ChainBlock[]> {
    const blocks: ChainBlock[] = [];
    for await (const value of this.#db.values({ gt: numberKey(BLOCK, afterHeight), lte: numberKey(BLOCK, height) })) {
      blocks.push(decode(chainBlockCodec, value));
    }
    return blocks;
  }

  /** Durable when it resolves. `ordered`: a committed block carries it already. */
  async putBatch(digest: Uint8Array, encoded: Uint8Array, { ordered = false }: { ordered?: boolean } = {}): Promise<void> {
    const batch = this.#db.batch().put(tagged(BATCH, digest), encoded);
    if (!ordered) batch.put(tagged(UNORDERED, digest), new Uint8Array());
    await batch.write({ sync: true });
  }

  async batch(digest: Uint8Array): Promise<Uint8Array | undefined> {
    return getBytes(this.#db, tagged(BATCH, digest));
  }

  async hasBatch(digest: Uint8Array): Promise<boolean> {
    return this.#db.has(tagged(BATCH, digest));
  }

  /** Whether a batch that is here is carried by a committed block. */
  async isOrdered(digest: Uint8Array): Promise<boolean> {
    return (await this.hasBatch(digest)) && !(await this.#db.has(tagged(UNORDERED, digest)));
  }

  /** Digests of the batches that no committed block carries. */
  async unordered(): Promise<Uint8Array[]> {
    const digests: Uint8Array[] = [];
    for await (const key of this.#db.keys(rangeOf(UNORDERED))) {
      digests.push(Uint8Array.from(key.subarray(1)));
    }
    return digests;
  }

  /** The newest certified root, for receipts after a restart. */
  async putCertified(certified: CertifiedBlock): Promise<void> {
    await this.#db.put(CERTIFIED, encode(certifiedBlockCodec, certified));
  }

  async certified(): Promise<CertifiedBlock | undefined> {
    const encoded = await getBytes(this.#db, CERTIFIED);
    return encoded === undefined ? undefined : decode(certifiedBlockCodec, encoded);
  }

  /** Whether this validator has run before. */
  async isFounded(): Promise<boolean> {
    return this.#db.has(FOUNDED);
  }

  /** From now on a missing write-ahead log is a loss. */
  async found(): Promise<void> {
    await this.#db.batch().put(FOUNDED, new Uint8Array()).write({ sync: true });
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  /** The last proof within the window, otherwise the first after it. */
  async #provedHeight(afterHeight: number, countMax: number): Promise<number | undefined> {
    const after = numberKey(PROOF, afterHeight);
    const window = { gt: after, lte: numberKey(PROOF, afterHeight + countMax), reverse: true, limit: 1 };
    for await (const key of this.#db.keys(window)) return numberOf(key);
    for await (const key of this.#db.keys({ gt: after, lt: Uint8Array.of(PROOF + 1), limit: 1 })) return numberOf(key);
    return undefined;
  }
}

function rangeOf(tag: number): { gte: Uint8Array; lt: Uint8Array } {
  return { gte: Uint8Array.of(tag), lt: Uint8Array.of(tag + 1) };
}
