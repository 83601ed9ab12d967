import { type Crypto, HASH_BYTES } from '@hypermesh/stoq';
import { type Genesis, meshIdOf } from '@hypermesh/trustchain';
import { type Block, blockIdOf, type ChainBlock, genesisBlock, genesisCertificate } from '../../src/consensus/block.ts';
import { bitmapOf, type QuorumCertificate } from '../../src/consensus/certificate.ts';
import type { CommitProof } from '../../src/consensus/events.ts';
import { voteMessage } from '../../src/consensus/statements.ts';
import type { MeshKeys } from '../validator/local-mesh.ts';

/** Builds certified blocks as the validators of a mesh would, or as a faulty one would like to. */
export class TestChain {
  readonly genesis: ChainBlock;
  readonly #keys: MeshKeys;
  readonly #crypto: Crypto;
  readonly #meshId: Uint8Array;
  #parent: QuorumCertificate;

  constructor(genesis: Genesis, keys: MeshKeys) {
    this.#keys = keys;
    this.#crypto = keys.crypto;
    this.#meshId = meshIdOf(genesis);
    this.genesis = genesisBlock({ meshId: this.#meshId, validatorCount: 4, time: 1, rootOfRoots: new Uint8Array(HASH_BYTES) });
    this.#parent = genesisCertificate(this.genesis);
  }

  /** The next block of the chain, certified by three of four validators. */
  async next(fields: Partial<Block> = {}): Promise<Block> {
    const round = fields.round ?? this.#parent.round + 1;
    const block: Block = {
      meshId: this.#meshId,
      epoch: 0,
      round,
      parent: this.#parent,
      time: 1 + round,
      batches: [],
      reconfiguration: null,
      executedHeight: 0,
      rootOfRoots: this.genesis.block.rootOfRoots,
      proposer: round % 4,
      ...fields,
    };
    this.#parent = await this.certificate(block);
    return block;
  }

  async certificate(block: Block, voters: readonly number[] = [0, 1, 3]): Promise<QuorumCertificate> {
    const { round } = block;
    const blockId = blockIdOf(block);
    const signatures = await Promise.all(
      voters.map((voter) => {
        const signer = this.#crypto.createSigner(this.#keys.validators[voter]!.vote);
        return signer.sign(voteMessage({ meshId: this.#meshId, epoch: 0, round, blockId, voter }));
      }),
    );
    return { round, blockId, bitmap: bitmapOf(voters, 4), signatures };
  }

  /** Shows the newest block but one to be final. */
  async proof(child: Block): Promise<CommitProof> {
    return { child, qc: await this.certificate(child) };
  }
}
