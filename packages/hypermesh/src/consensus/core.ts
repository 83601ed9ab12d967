import { strict as assert } from 'node:assert';
import { type Crypto, equalBytes, type PublicKey, type Signature, type SignatureAlgorithm } from '@hypermesh/stoq';
import type { HypermeshErrorCode } from '../errors.ts';
import { type Block, blockIdOf, chainBlockOf, genesisCertificate } from './block.ts';
import { BlockFetch, linkedChain } from './block-fetch.ts';
import { type QuorumCertificate, type TimeoutCertificate, votersOf } from './certificate.ts';
import { CertificateVerifier } from './certificate-verifier.ts';
import { Chain } from './chain.ts';
import type { Consensus, ConsensusComponents, ConsensusConfig, RestoredConsensus } from './consensus.ts';
import { BLOCK_TIME_SKEW_MS_MAX, FETCHED_BLOCKS_MAX, PROPOSAL_ROUNDS_BEHIND_MAX, VOTE_ROUNDS_AHEAD_MAX } from './constants.ts';
import { type Context, othersOf } from './context.ts';
import type { ConsensusEffect, ConsensusEvent, ConsensusStatus, SignRequest } from './events.ts';
import type { Evidence } from './evidence.ts';
import type { Announcement, Certificates, ConsensusMessage, Proposal, SignedTimeout, SignedVote } from './messages.ts';
import { Pacemaker } from './pacemaker.ts';
import { blockFault, parentFault } from './proposal-form.ts';
import { ProposalLog } from './proposal-log.ts';
import { RecentKeys } from './recent-keys.ts';
import { restoredSafety } from './restored-safety.ts';
import { RoundChange } from './round-change.ts';
import { SafetyRules } from './safety-rules.ts';
import { proposalMessage, timeoutMessage, voteMessage } from './statements.ts';
import { VoteCollector } from './vote-collector.ts';
import { Voting } from './voting.ts';

/**
 * The core of one validator. Throws `hypermesh.safety_lost` when blocks were committed but the safety state is missing or of
 * another epoch: the vote key can then contradict what it signed before.
 */
export function createConsensus(config: ConsensusConfig, components: ConsensusComponents, restored: RestoredConsensus): Consensus {
  return new Core(config, components, restored);
}

// Offences that are reported once: more than a whole set can commit within the rounds that are kept.
const REPORTED_OFFENCES_MAX = 4_096;

class Core implements Consensus {
  readonly #config: ConsensusConfig;
  readonly #verify: Crypto['verify'];
  readonly #restored: RestoredConsensus;
  readonly #context: Context;
  readonly #chain: Chain;
  readonly #pacemaker: Pacemaker;
  readonly #safety: SafetyRules;
  readonly #voting: Voting;
  readonly #roundChange: RoundChange;
  readonly #certificates: CertificateVerifier;
  readonly #votes: VoteCollector;
  readonly #proposals = new ProposalLog();
  readonly #fetch = new BlockFetch();
  readonly #reported = new RecentKeys(REPORTED_OFFENCES_MAX);
  #proposed: Proposal | null = null;
  /** Round of the last certificate that was made here while nothing was left to propose. */
  #publishedRound = 0;
  #effects: ConsensusEffect[] = [];

  constructor(config: ConsensusConfig, { verify }: ConsensusComponents, restored: RestoredConsensus) {
    const { meshId, epoch, validators, genesis } = config;
    const genesisQc = genesisCertificate(genesis);
    const emit = (effect: ConsensusEffect): void => void this.#effects.push(effect);
    this.#config = config;
    this.#verify = verify;
    this.#restored = restored;
    this.#chain = new Chain(restored, genesis, emit);
    this.#pacemaker = new Pacemaker({ ...config, faultyMax: validators.faultyMax });
    this.#safety = new SafetyRules(restoredSafety(config, restored, genesisQc));
    this.#context = { config, chain: this.#chain, pacemaker: this.#pacemaker, safety: this.#safety, emit };
    this.#voting = new Voting(this.#context);
    this.#roundChange = new RoundChange(this.#context);
    this.#certificates = new CertificateVerifier({ meshId, epoch, validators, genesisQc }, verify);
    this.#votes = new VoteCollector(validators, ({ vote, signature }) => this.#isSigned(vote.voter, voteMessage(vote), signature));
  }

  handle(event: ConsensusEvent, now: number): ConsensusEffect[] {
    this.#effects = [];
    this.#dispatch(event, now);
    this.#requestBlocks();
    this.#voting.vote();
    this.#propose(now);
    this.#roundChange.adjustTimer();
    return this.#effects;
  }

  status(): ConsensusStatus {
    const { committed, highQc, pending, roots } = this.#chain;
    const { round } = this.#pacemaker;
    return {
      epoch: this.#config.epoch,
      round,
      leader: this.#config.validators.leaderOf(round),
      committedHeight: committed.height,
      committedRound: committed.block.round,
      highQcRound: highQc.round,
      executedHeight: roots.height,
      pendingDigests: pending.size,
      quiescent: !this.#chain.hasWork(),
      silent: this.#roundChange.silent,
    };
  }

  chainTo(blockId: Uint8Array, afterHeight: number): ReturnType<Chain['chainTo']> {
    return this.#chain.chainTo(blockId, afterHeight);
  }

  #dispatch(event: ConsensusEvent, now: number): void {
    switch (event.kind) {
      case 'started':
        return this.#start();
      case 'message':
        assert(event.from !== this.#config.self && event.from in this.#config.validators.voteKeys, 'the sender is another validator');
        return this.#receive(event.from, event.message, now);
      case 'connected':
        return this.#greet(event.peer);
      case 'batches-stored':
        return event.digests.forEach((digest) => {
          this.#chain.pending.add(digest);
          this.#voting.stored(digest);
        });
      case 'batches-ordered':
        this.#chain.pending.order(event.digests);
        return event.digests.forEach((digest) => this.#voting.stored(digest));
      case 'blocks':
        return this.#receiveBlocks(event.from, event.blocks);
      case 'executed':
        return this.#chain.execute(event.height, event.rootOfRoots);
      case 'signed':
        return this.#signed(event.request, event.signature, now);
      case 'timer-expired':
        if (!this.#roundChange.expire(event.round)) return;
        this.#voting.retry();
        return this.#fetch.restart();
    }
  }

  /** Tells a validator that was away what it may have missed. */
  #greet(peer: number): void {
    const proposal = this.#proposed;
    if (this.#chain.highQc.round > 0) this.#sendCertificates(peer);
    if (proposal?.block.round === this.#pacemaker.round)
      this.#context.emit({ kind: 'send', to: peer, message: { kind: 'proposal', ...proposal } });
    this.#roundChange.greet(peer);
  }

  #start(): void {
    // From here on a missing safety state means that it was lost.
    if (this.#restored.safety === null) this.#context.emit({ kind: 'persist', safety: this.#safety.state, block: null });
    for (const { block, id } of this.#restored.uncommitted.toSorted((left, right) => left.height - right.height)) {
      this.#chain.insert(block, id);
    }
    const { highQc, tc } = this.#safety.state;
    this.#chain.certify(highQc);
    this.#advance(this.#chain.highQc);
    if (tc !== null) this.#advance(tc);
  }

  #receive(from: number, message: ConsensusMessage, now: number): void {
    switch (message.kind) {
      case 'proposal':
        return this.#receiveProposal(from, message, now);
      case 'vote':
        return this.#receiveVote(from, message);
      case 'timeout':
        return this.#receiveTimeout(from, message);
      case 'certificates':
        return void this.#acceptCertificates(from, message);
      case 'announcement':
        return this.#receiveAnnouncement(from, message);
    }
  }

  #receiveProposal(from: number, proposal: Proposal, now: number): void {
    const { block, signature, tc } = proposal;
    const { round, proposer } = block;
    if (round < this.#pacemaker.round - PROPOSAL_ROUNDS_BEHIND_MAX) return;
    const fault = blockFault(block, this.#config) ?? parentFault(proposal);
    if (fault !== null) return this.#reject(from, 'hypermesh.proposal_invalid', fault);
    const blockId = blockIdOf(block);
    if (this.#proposals.isKnown(round, blockId)) return;
    const statement = { meshId: block.meshId, epoch: block.epoch, round, blockId, proposer };
    if (!this.#isSigned(proposer, proposalMessage(statement), signature)) {
      return this.#reject(from, 'hypermesh.proposal_invalid', 'signature');
    }
    if (!this.#acceptCertificates(from, { highQc: block.parent, tc })) return;
    const outcome = this.#proposals.add(statement, { blockId, signature });
    if (outcome === 'repeated') return;
    if (outcome !== 'first') return this.#report(outcome);
    this.#chain.insert(block, blockId);
    this.#voting.consider(block, blockId, now);
  }

  #receiveVote(from: number, signed: SignedVote): void {
    const { meshId, epoch, round, voter } = signed.vote;
    const isOwnSlot = voter === from && equalBytes(meshId, this.#config.meshId) && epoch === this.#config.epoch;
    if (!isOwnSlot || !this.#isCollector(round)) return this.#reject(from, 'hypermesh.vote_invalid', 'slot');
    if (round > this.#pacemaker.round + VOTE_ROUNDS_AHEAD_MAX) return this.#reject(from, 'hypermesh.vote_invalid', 'round');
    if (round >= this.#pacemaker.round - 1) this.#collect(signed);
  }

  #collect(signed: SignedVote): void {
    const { qc, evidence, forgers } = this.#votes.add(signed);
    for (const forger of forgers) this.#reject(forger, 'hypermesh.vote_invalid', 'signature');
    if (evidence !== null) this.#report(evidence);
    if (qc !== null) this.#acceptQuorum(qc);
  }

  #receiveTimeout(from: number, timeout: SignedTimeout): void {
    const { meshId, epoch } = this.#config;
    const { round, highQc, tc, voter, signature } = timeout;
    const isJustified = highQc.round === round - 1 ? tc === null : highQc.round < round && tc?.round === round - 1;
    if (voter !== from || !isJustified) return this.#reject(from, 'hypermesh.vote_invalid', 'timeout');
    const message = timeoutMessage({ meshId, epoch, round, highQcRound: highQc.round });
    if (!this.#isSigned(voter, message, signature)) return this.#reject(from, 'hypermesh.vote_invalid', 'signature');
    if (!this.#acceptCertificates(from, timeout)) return;
    if (round < this.#pacemaker.round || highQc.round < this.#chain.highQc.round) this.#sendCertificates(from);
    if (round !== this.#pacemaker.round) return;
    const certificate = this.#roundChange.add(timeout);
    if (certificate !== null) this.#advance(certificate);
  }

  #receiveAnnouncement(from: number, { digests }: Announcement): void {
    const unknown = digests.filter((digest) => !this.#chain.pending.isStored(digest));
    if (unknown.length > 0) this.#context.emit({ kind: 'fetch-announced', digests: unknown, from });
  }

  #receiveBlocks(from: number, blocks: readonly Block[]): void {
    const chain = blocks.length <= FETCHED_BLOCKS_MAX ? linkedChain(blocks) : null;
    const last = chain?.at(-1);
    if (chain === null || chain === undefined || last === undefined || blocks.some((block) => blockFault(block, this.#config) !== null)) {
      return this.#reject(from, 'hypermesh.block_malformed', 'chain');
    }
    // Each block is certified by its successor; the last one by a certificate that is known here, or it is left out.
    const missing = this.#chain.missing();
    const isWanted = missing !== null && equalBytes(missing.blockId, last.id);
    if (!isWanted && !this.#acceptCertificates(from, { highQc: last.block.parent, tc: null })) return;
    const certified = isWanted ? chain : chain.slice(0, -1);
    const start = certified.findIndex(({ block }) => this.#chain.get(block.parent.blockId) !== undefined);
    if (start === -1) return;
    for (const { block, id } of certified.slice(start)) this.#chain.insert(block, id);
    const newest = this.#chain.get(certified.at(-1)?.id ?? this.#chain.committed.id);
    if (newest !== undefined) this.#fetch.progress(newest.height);
  }

  #signed(request: SignRequest, signature: Signature, now: number): void {
    switch (request.kind) {
      case 'vote':
        if (this.#isCollector(request.vote.round)) return this.#collect({ vote: request.vote, signature });
        return this.#context.emit({
          kind: 'send',
          to: this.#config.validators.leaderOf(request.vote.round + 1),
          message: { kind: 'vote', vote: request.vote, signature },
        });
      case 'proposal': {
        const { block, blockId, tc } = request;
        if (block.round !== this.#pacemaker.round) return;
        this.#proposed = { block, signature, tc };
        this.#context.emit({ kind: 'send', to: 'all', message: { kind: 'proposal', block, signature, tc } });
        this.#chain.insert(block, blockId);
        return this.#voting.consider(block, blockId, now);
      }
      case 'timeout': {
        const certificate = this.#roundChange.signed(request, signature);
        if (certificate !== null) this.#advance(certificate);
      }
    }
  }

  /** Takes up what verified certificates show. False, and a rejection, when one does not verify. */
  #acceptCertificates(from: number, { highQc, tc }: Certificates): boolean {
    if (!this.#certificates.verifyQuorum(highQc) || (tc !== null && !this.#certificates.verifyTimeout(tc))) {
      this.#reject(from, 'hypermesh.certificate_invalid', 'signatures');
      return false;
    }
    this.#acceptQuorum(highQc);
    if (tc !== null) this.#advance(tc);
    return true;
  }

  #acceptQuorum(qc: QuorumCertificate): void {
    this.#chain.certify(qc);
    this.#advance(qc);
  }

  #advance(certificate: QuorumCertificate | TimeoutCertificate): void {
    if (!this.#pacemaker.advance(certificate)) return;
    const { round } = this.#pacemaker;
    this.#votes.dropBelow(round - 1);
    this.#proposals.advance(round);
    this.#voting.reset();
    this.#roundChange.enterRound();
  }

  #requestBlocks(): void {
    const missing = this.#chain.missing();
    if (missing === null) return;
    const afterHeight = this.#fetch.request(missing, this.#chain.committed.height);
    if (afterHeight === null) return;
    const from = othersOf(this.#context, votersOf(missing.bitmap, this.#config.validators.size) ?? []);
    this.#context.emit({ kind: 'fetch-blocks', blockId: missing.blockId, afterHeight, from });
  }

  #propose(now: number): void {
    const { meshId, epoch, validators, self } = this.#config;
    const { round } = this.#pacemaker;
    if (validators.leaderOf(round) !== self || !this.#safety.mayPropose(round)) return;
    const next = this.#chain.next();
    if (next === null) return this.#publish(round);
    const time = Math.max(now, next.parent.block.time + 1);
    if (time > now + BLOCK_TIME_SKEW_MS_MAX) return;
    const { highQc } = this.#chain;
    const { parent, ...content } = next;
    const block: Block = { meshId, epoch, round, parent: highQc, time, ...content, reconfiguration: null, proposer: self };
    const blockId = blockIdOf(block);
    const tc = this.#pacemaker.justification(highQc);
    const persisted = chainBlockOf(block, blockId, parent);
    this.#context.emit({ kind: 'persist', safety: this.#safety.propose(round, highQc, tc), block: persisted });
    const message = proposalMessage({ meshId, epoch, round, blockId, proposer: self });
    this.#context.emit({ kind: 'sign', request: { kind: 'proposal', block, blockId, tc }, message });
  }

  /** The last certificate before the mesh falls silent travels alone, because no proposal will carry it. */
  #publish(round: number): void {
    const { highQc } = this.#chain;
    if (this.#chain.hasWork() || highQc.round !== round - 1 || highQc.round <= this.#publishedRound) return;
    this.#publishedRound = highQc.round;
    this.#context.emit({ kind: 'send', to: 'all', message: { kind: 'certificates', highQc, tc: null } });
  }

  #sendCertificates(to: number): void {
    const { highQc } = this.#chain;
    const tc = this.#pacemaker.justification(highQc);
    this.#context.emit({ kind: 'send', to, message: { kind: 'certificates', highQc, tc } });
  }

  /** The leader of the next round collects the votes of this one. */
  #isCollector(round: number): boolean {
    return this.#config.validators.leaderOf(round + 1) === this.#config.self;
  }

  #isSigned(validator: number, message: Uint8Array, signature: Signature): boolean {
    const key = this.#config.validators.voteKeys[validator] as PublicKey<SignatureAlgorithm> | undefined;
    return key !== undefined && this.#verify(key, message, signature);
  }

  #report(evidence: Evidence): void {
    const key = `${evidence.offence}:${evidence.round}:${evidence.validator}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#context.emit({ kind: 'evidence', evidence });
  }

  #reject(from: number, code: HypermeshErrorCode, reason: string): void {
    this.#context.emit({ kind: 'rejected', from, code, reason });
  }
}
