import { type Crypto, equalBytes, HASH_BYTES } from '@hypermesh/stoq';
import { type Genesis, meshIdOf } from '@hypermesh/trustchain';
import { type Block, blockIdOf } from '../consensus/block.ts';
import { bitmapOf } from '../consensus/certificate.ts';
import { CertificateVerifier } from '../consensus/certificate-verifier.ts';
import type { CommitProof } from '../consensus/events.ts';
import { createValidatorSet } from '../consensus/validator-set.ts';
import { hypermeshError } from '../errors.ts';
import type { CertifiedBlock } from '../validator/block-store.ts';

/** Judges blocks from the validator set of genesis alone. */
export class LogVerifier {
  readonly #meshId: Uint8Array;
  readonly #certificates: CertificateVerifier;

  constructor(genesis: Genesis, crypto: Pick<Crypto, 'verify'>) {
    const validators = createValidatorSet(genesis.validators);
    this.#meshId = meshIdOf(genesis);
    // The certificate of the genesis block has no signatures: here it counts for no block.
    const genesisQc = { round: 0, blockId: new Uint8Array(HASH_BYTES), bitmap: bitmapOf([], validators.size), signatures: [] };
    this.#certificates = new CertificateVerifier({ meshId: this.#meshId, epoch: 0, validators, genesisQc }, crypto.verify);
  }

  /** Throws `hypermesh.certificate_invalid` unless a quorum vouches for the block and the root that it states. */
  assertCertified({ block, qc }: CertifiedBlock): void {
    const isOfBlock = qc.round === block.round && equalBytes(qc.blockId, blockIdOf(block));
    if (!isOfBlock || !equalBytes(block.meshId, this.#meshId) || block.round === 0 || !this.#certificates.verifyQuorum(qc)) {
      throw hypermeshError('hypermesh.certificate_invalid', { round: block.round });
    }
  }

  /**
   * The ids of blocks that follow `parentId` in a row, the last of which the proof shows to be final, and with it all before.
   * Throws `hypermesh.block_malformed` or `hypermesh.certificate_invalid`.
   */
  assertFinal(parentId: Uint8Array, blocks: readonly Block[], { child, qc }: CommitProof): readonly Uint8Array[] {
    const ids: Uint8Array[] = [];
    let parent = parentId;
    for (const block of [...blocks, child]) {
      if (!equalBytes(block.parent.blockId, parent)) throw hypermeshError('hypermesh.block_malformed', { reason: 'not in a row' });
      parent = blockIdOf(block);
      ids.push(parent);
    }
    // Jolteon, the 2-chain rule: certified by a child of the very next round that is certified itself.
    const last = blocks.at(-1);
    if (last === undefined || child.round !== last.round + 1) throw hypermeshError('hypermesh.certificate_invalid', { reason: 'rounds' });
    this.assertCertified({ block: child, qc });
    return ids.slice(0, -1);
  }
}
