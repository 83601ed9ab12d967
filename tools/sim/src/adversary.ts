import {
  type Block,
  blockIdOf,
  type ConsensusMessage,
  type Proposal,
  proposalMessage,
  type QuorumCertificate,
  type ValidatorSet,
  voteMessage,
} from '@hypermesh/mesh';
import type { Signature } from '@hypermesh/stoq';
import type { Prng } from '@hypermesh/testkit';
import { hex } from './disk.ts';
import type { Behaviour } from './schedule.ts';

export interface AdversaryComponents {
  readonly index: number;
  readonly behaviours: readonly Behaviour[];
  readonly validators: ValidatorSet;
  readonly prng: Prng;
  readonly genesisRoot: Uint8Array;
  /** Under its own key only. */
  readonly sign: (message: Uint8Array) => Signature;
  readonly send: (to: number, message: ConsensusMessage) => void;
}

/** Stands between the core of a faulty validator and the network: it drops, doubles, alters and invents. */
export class Adversary {
  readonly #components: AdversaryComponents;
  /** Quorum certificates that came by, newest last. */
  readonly #seen: QuorumCertificate[] = [];
  /** Blocks that only this adversary knows, by id, with their ancestors. */
  readonly #forged = new Map<string, readonly Block[]>();

  constructor(components: AdversaryComponents) {
    this.#components = components;
  }

  has(behaviour: Behaviour): boolean {
    return this.#components.behaviours.includes(behaviour);
  }

  /** Its answer to `fetch-blocks`, where an honest validator would serve `chain`. */
  served(blockId: Uint8Array, chain: readonly Block[]): readonly Block[] {
    if (this.has('death')) return [];
    const forged = this.#forged.get(hex(blockId));
    if (forged !== undefined) return forged;
    const [first] = chain;
    if (first !== undefined && this.has('useless-blocks')) return [{ ...first, time: first.time + 1 }];
    if (first === undefined || !this.has('forged-certificates') || this.#components.prng.chance(0.5)) return chain;
    const [one, other] = this.#forgedPair(first);
    const last = { ...other, round: other.round + 1, parent: this.#forgedCertificate(other), time: other.time + 1 };
    const proposer = this.#components.validators.leaderOf(last.round);
    return [one, other, { ...last, proposer }, ...chain.slice(1)];
  }

  /** Sends what it likes instead of, or besides, what its core wants to send. */
  outgoing(to: readonly number[], message: ConsensusMessage): void {
    const { prng, send } = this.#components;
    if (this.has('death') || (this.has('silence') && prng.chance(0.7))) return;
    if (message.kind === 'proposal') return this.#propose(to, message);
    for (const peer of to) send(peer, message);
    if (this.has('garbage') && prng.chance(0.3)) send(prng.pick(this.#others()), this.#garble(message));
  }

  incoming(message: ConsensusMessage): void {
    if (this.has('death')) return;
    if (message.kind === 'timeout' || message.kind === 'certificates') this.#see(message.highQc);
    if (message.kind === 'proposal') this.#see(message.block.parent);
    if (message.kind !== 'proposal' || !this.has('double-vote')) return;
    this.#vote(message.block, blockIdOf(message.block));
    if (this.#components.prng.chance(0.5)) this.#vote(message.block, this.#components.prng.bytes(32));
  }

  #propose(to: readonly number[], proposal: ConsensusMessage & Proposal): void {
    const { prng, send } = this.#components;
    if (this.has('forged-certificates') && prng.chance(0.5)) this.#forge(proposal.block);
    this.#see(proposal.block.parent);
    const altered = this.#altered(this.has('stale-parent') && prng.chance(0.8) ? this.#onStaleParent(proposal) : proposal);
    const isSplit = this.has('equivocation') && prng.chance(0.7);
    const other = isSplit ? this.#signed({ ...proposal, block: this.#variant(proposal.block) }) : altered;
    for (const peer of to) {
      const isFirst = prng.chance(0.5);
      send(peer, isFirst ? altered : other);
      if (isSplit && prng.chance(0.3)) send(peer, isFirst ? other : altered);
    }
    if (isSplit) for (const block of [altered.block, other.block]) this.#vote(block, blockIdOf(block));
  }

  #altered(proposal: ConsensusMessage & Proposal): ConsensusMessage & Proposal {
    const { prng } = this.#components;
    let { block } = proposal;
    if (this.has('wrong-root') && prng.chance(0.5)) block = { ...block, rootOfRoots: prng.bytes(32) };
    if (this.has('wrong-root') && prng.chance(0.2)) block = { ...block, executedHeight: block.executedHeight + prng.integer(1, 3) };
    if (this.has('wrong-time') && prng.chance(0.5)) block = { ...block, time: Math.max(0, block.time + prng.integer(-5_000, 5_000)) };
    return block === proposal.block ? proposal : this.#signed({ ...proposal, block });
  }

  /** Extends an earlier block, under the time-out certificate that is there, or under a forged one that hides what was certified. */
  #onStaleParent(proposal: ConsensusMessage & Proposal): ConsensusMessage & Proposal {
    const { prng, validators, genesisRoot } = this.#components;
    const { block } = proposal;
    const earlier = this.#seen.filter(({ round }) => round < block.round - 1);
    const parent = earlier.length === 0 ? block.parent : prng.pick(earlier.slice(-STALE_PARENTS_MAX));
    if (parent.round === block.round - 1) return proposal;
    const { bitmap, signatures } = this.#forgedCertificate(block);
    const forged = { round: block.round - 1, bitmap, highQcRounds: Array.from({ length: validators.quorum }, () => 0), signatures };
    const tc = proposal.tc === null || prng.chance(0.2) ? forged : proposal.tc;
    return this.#signed({ ...proposal, block: { ...block, parent, executedHeight: 0, rootOfRoots: genesisRoot }, tc });
  }

  #see(qc: QuorumCertificate): void {
    if (qc.round > (this.#seen.at(-1)?.round ?? 0)) this.#seen.push(qc);
  }

  #variant(block: Block): Block {
    const { prng } = this.#components;
    return prng.chance(0.5) ? { ...block, time: block.time + 1 } : { ...block, batches: block.batches.slice(1), time: block.time + 2 };
  }

  /** Two blocks of consecutive rounds with certificates of random signatures: whoever believes them commits the first. */
  #forge(block: Block): void {
    const { prng, send } = this.#components;
    const [first, second] = this.#forgedPair(block);
    this.#forged.set(hex(blockIdOf(second)), [first, second]);
    const message: ConsensusMessage = { kind: 'certificates', highQc: this.#forgedCertificate(second), tc: null };
    for (const peer of this.#others()) if (prng.chance(0.5)) send(peer, message);
  }

  #forgedPair(block: Block): [Block, Block] {
    const { validators, prng } = this.#components;
    const first: Block = { ...block, batches: [prng.bytes(32)] };
    const second: Block = {
      ...block,
      round: block.round + 1,
      parent: this.#forgedCertificate(first),
      time: block.time + 1,
      batches: [],
      proposer: validators.leaderOf(block.round + 1),
    };
    return [first, second];
  }

  #forgedCertificate(block: Block): QuorumCertificate {
    const { validators, prng, index } = this.#components;
    const signers = new Set([index, ...prng.shuffle(this.#others()).slice(0, validators.quorum - 1)]);
    const bitmap = new Uint8Array(Math.ceil(validators.size / 8));
    for (const signer of signers) bitmap[signer >> 3] = (bitmap[signer >> 3] as number) | (1 << (signer & 7));
    const signatures = [...signers].map(() => ({ algorithm: 'ed25519' as const, bytes: prng.bytes(64) }));
    return { round: block.round, blockId: blockIdOf(block), bitmap, signatures };
  }

  #vote({ meshId, epoch, round }: Block, blockId: Uint8Array): void {
    const { index, validators, sign, send } = this.#components;
    const collector = validators.leaderOf(round + 1);
    if (collector === index) return;
    const vote = { meshId, epoch, round, blockId, voter: index };
    send(collector, { kind: 'vote', vote, signature: sign(voteMessage(vote)) });
  }

  #signed(proposal: ConsensusMessage & Proposal): ConsensusMessage & Proposal {
    const { meshId, epoch, round, proposer } = proposal.block;
    const blockId = blockIdOf(proposal.block);
    return { ...proposal, signature: this.#components.sign(proposalMessage({ meshId, epoch, round, blockId, proposer })) };
  }

  #garble(message: ConsensusMessage): ConsensusMessage {
    const { prng } = this.#components;
    const signature = { algorithm: 'ed25519' as const, bytes: prng.bytes(64) };
    const round = prng.integer(0, 100);
    switch (message.kind) {
      case 'proposal':
        return { ...message, block: { ...message.block, round } };
      case 'vote':
        return prng.chance(0.5) ? { ...message, signature } : { ...message, vote: { ...message.vote, voter: prng.integer(0, 99), round } };
      case 'timeout':
        return prng.chance(0.5) ? { ...message, signature } : { ...message, round, tc: null };
      case 'certificates':
        return { ...message, highQc: { ...message.highQc, round, bitmap: prng.bytes(prng.integer(0, 4)) } };
      case 'announcement':
        return { ...message, digests: [prng.bytes(32)] };
    }
  }

  #others(): number[] {
    const { validators, index } = this.#components;
    return Array.from({ length: validators.size }, (_, other) => other).filter((other) => other !== index);
  }
}

const STALE_PARENTS_MAX = 4;
