import { bytes, type Codec, encode, HASH_BYTES, hashLabelled, list, mapped, struct, uint } from '@hypermesh/stoq';
import { VALIDATOR_COUNT_MAX } from '@hypermesh/trustchain';
import { hypermeshError } from '../errors.ts';
import { bitmapOf, quorumCertificateCodec, type QuorumCertificate } from './certificate.ts';
import { BATCHES_PER_BLOCK_MAX } from './constants.ts';

/** What one leader proposes in one round; final format, a positional array in canonical CBOR. */
export interface Block {
  readonly meshId: Uint8Array;
  readonly epoch: number;
  readonly round: number;
  readonly parent: QuorumCertificate;
  /** Milliseconds since the epoch, by the proposer's clock. */
  readonly time: number;
  readonly batches: readonly Uint8Array[];
  /** Change of the validator set: always null in this version. */
  readonly reconfiguration: null;
  /**
   * A height that the block's ancestors prove final, and the root of all machines' state after it; or both as the parent has
   * them. It never falls, so a quorum vouches for the newest root up to any certified block.
   */
  readonly executedHeight: number;
  readonly rootOfRoots: Uint8Array;
  /** Index in the validator set. */
  readonly proposer: number;
}

/** A block in its place in the chain: everything but the block itself is derived from its ancestors. */
export interface ChainBlock {
  readonly id: Uint8Array;
  readonly height: number;
  /** Height of the newest block up to this one that carries batches. */
  readonly workHeight: number;
  /** Highest height that the certificates in this block and its ancestors commit: they may prove less than others do. */
  readonly finalHeight: number;
  readonly block: Block;
}

const reconfigurationCodec: Codec<null> = {
  write: (writer) => writer.null(),
  read(reader) {
    if (!reader.isNull()) throw hypermeshError('hypermesh.unsupported', { feature: 'reconfiguration' });
    return null;
  },
};

export const blockCodec: Codec<Block> = struct({
  meshId: bytes(32),
  epoch: uint(),
  round: uint(),
  parent: quorumCertificateCodec,
  time: uint(),
  batches: list(bytes(HASH_BYTES), BATCHES_PER_BLOCK_MAX),
  reconfiguration: reconfigurationCodec,
  executedHeight: uint(),
  rootOfRoots: bytes(HASH_BYTES),
  proposer: uint(VALIDATOR_COUNT_MAX - 1),
});

/** `[height, workHeight, finalHeight, block]`, as a validator stores it; the id is computed again. */
export const chainBlockCodec: Codec<ChainBlock> = mapped(
  struct({ height: uint(), workHeight: uint(), finalHeight: uint(), block: blockCodec }),
  (stored) => ({ id: blockIdOf(stored.block), ...stored }),
  (chain) => chain,
);

/** The 32-byte id. */
export function blockIdOf(block: Block): Uint8Array {
  return hashLabelled('hypermesh/block/1', encode(blockCodec, block));
}

export interface GenesisBlockInput {
  readonly meshId: Uint8Array;
  readonly validatorCount: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Root of the machines' state after genesis. */
  readonly rootOfRoots: Uint8Array;
}

/** Block of round 0, which nobody proposes or votes for: the same for all who hold the genesis document. */
export function genesisBlock({ meshId, validatorCount, time, rootOfRoots }: GenesisBlockInput): ChainBlock {
  const parent = { round: 0, blockId: new Uint8Array(HASH_BYTES), bitmap: bitmapOf([], validatorCount), signatures: [] };
  const fields = { epoch: 0, round: 0, batches: [], reconfiguration: null, executedHeight: 0, proposer: 0 };
  const block: Block = { meshId, parent, time, rootOfRoots, ...fields };
  return { id: blockIdOf(block), height: 0, workHeight: 0, finalHeight: 0, block };
}

/** The certificate of the genesis block: without signatures, valid by definition. */
export function genesisCertificate(genesis: ChainBlock): QuorumCertificate {
  return { ...genesis.block.parent, blockId: genesis.id };
}

/** The block as the child of `parent`. */
export function chainBlockOf(block: Block, id: Uint8Array, parent: ChainBlock): ChainBlock {
  const height = parent.height + 1;
  const workHeight = block.batches.length > 0 ? height : parent.workHeight;
  return { id, height, workHeight, finalHeight: finalHeightAbove(parent), block };
}

/** What a child of the block, which certifies it, proves to be final by the 2-chain rule. */
export function finalHeightAbove({ block, height, finalHeight }: ChainBlock): number {
  return block.round === block.parent.round + 1 ? height - 1 : finalHeight;
}
