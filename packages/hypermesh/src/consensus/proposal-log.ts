import { equalBytes } from '@hypermesh/stoq';
import { PROPOSAL_ROUNDS_BEHIND_MAX } from './constants.ts';
import { type Evidence, evidenceOf, type SignedBlockId } from './evidence.ts';
import type { ProposalStatement } from './statements.ts';

/** The first verified proposal of each recent round: a second one that differs proves that its leader is faulty. */
export class ProposalLog {
  readonly #proposals = new Map<number, SignedBlockId>();

  /** `repeated`: known already. Otherwise the evidence that the two make. */
  add({ meshId, epoch, round, blockId, proposer }: ProposalStatement, signed: SignedBlockId): 'first' | 'repeated' | Evidence {
    const held = this.#proposals.get(round);
    if (held === undefined) {
      this.#proposals.set(round, signed);
      return 'first';
    }
    if (equalBytes(held.blockId, blockId)) return 'repeated';
    return evidenceOf({ offence: 'double-proposal', meshId, epoch, round, validator: proposer }, held, signed);
  }

  isKnown(round: number, blockId: Uint8Array): boolean {
    const held = this.#proposals.get(round);
    return held !== undefined && equalBytes(held.blockId, blockId);
  }

  advance(round: number): void {
    for (const known of this.#proposals.keys()) if (known < round - PROPOSAL_ROUNDS_BEHIND_MAX) this.#proposals.delete(known);
  }
}
