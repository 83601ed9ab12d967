import {
  type ChainBlock,
  type ConsensusEffect,
  type Evidence,
  type SafetyState,
  type SignRequest,
  type ValidatorSet,
  verifyEvidence,
} from '@hypermesh/mesh';
import type { Crypto } from '@hypermesh/stoq';
import { hex } from './disk.ts';
import type { Simulation } from './simulation.ts';

export interface CheckerConfig {
  /** The true set, also when a planted bug gives validators another one. */
  readonly validators: ValidatorSet;
  readonly verify: Crypto['verify'];
  readonly adversaries: ReadonlySet<number>;
}

/** What must hold at every moment, whatever the network, the disks and at most f adversaries do. */
export class Checker {
  readonly #simulation: Simulation;
  readonly #config: CheckerConfig;
  /** By height: the first block that an honest validator committed. */
  readonly #sequence = new Map<number, { readonly id: string; readonly validator: number; readonly time: number }>();
  readonly #submitted = new Set<string>();
  readonly #statements = new Map<string, string>();

  constructor(simulation: Simulation, config: CheckerConfig) {
    this.#simulation = simulation;
    this.#config = config;
  }

  get height(): number {
    return this.#sequence.size;
  }

  submit(digest: Uint8Array): void {
    this.#submitted.add(hex(digest));
  }

  /** Agreement and validity; `holders`: honest validators that hold a batch durably. */
  commit(validator: number, chain: ChainBlock, committedHeight: number, holders: (digest: Uint8Array) => number): void {
    const id = hex(chain.id);
    const known = this.#sequence.get(chain.height);
    if (chain.height !== committedHeight + 1)
      this.#violate('order', `validator ${validator} goes from ${committedHeight} to ${chain.height}`);
    if (known === undefined) this.#sequence.set(chain.height, { id, validator, time: chain.block.time });
    else if (known.id !== id) {
      const words = `validators ${known.validator} and ${validator} disagree at height ${chain.height}: ${known.id.slice(0, 8)}, ${id.slice(0, 8)}`;
      this.#violate('agreement', words);
    }
    const before = this.#sequence.get(chain.height - 1);
    if (before !== undefined && chain.block.time <= before.time)
      this.#violate('time', `block ${chain.height} is not later than its parent`);
    const { quorum } = this.#config.validators;
    for (const digest of chain.block.batches) {
      if (!this.#submitted.has(hex(digest))) this.#violate('validity', `validator ${validator} committed a digest that nobody submitted`);
      const held = holders(digest);
      if (held < quorum - this.#config.adversaries.size) this.#violate('durability', `${held} honest validators hold a committed batch`);
    }
  }

  /** An honest validator says one thing a slot, in all its lives, and only after it is durable. */
  sign(validator: number, request: SignRequest, durable: SafetyState | null): void {
    switch (request.kind) {
      case 'vote':
        this.#state(`vote:${validator}:${request.vote.round}`, hex(request.vote.blockId));
        if (this.#statements.has(`timeout:${validator}:${request.vote.round}`))
          this.#violate('vote', `validator ${validator} votes after its time-out`);
        return this.#assertDurable(validator, request.vote.round, durable?.lastVotedRound);
      case 'proposal':
        this.#state(`proposal:${validator}:${request.block.round}`, hex(request.blockId));
        return this.#assertDurable(validator, request.block.round, durable?.lastProposedRound);
      case 'timeout':
        this.#statements.set(`timeout:${validator}:${request.timeout.round}`, '');
        return this.#assertDurable(validator, request.timeout.round, durable?.lastVotedRound);
    }
  }

  evidence(evidence: Evidence): void {
    const { validators, verify, adversaries } = this.#config;
    if (!verifyEvidence(evidence, validators, verify)) this.#violate('evidence', 'the evidence does not verify');
    if (!adversaries.has(evidence.validator)) this.#violate('evidence', `validator ${evidence.validator} is honest`);
  }

  alarm(validator: number, { certified, block }: Extract<ConsensusEffect, { kind: 'alarm' }>): void {
    if (certified || !adversariesHas(this.#config, block.block.proposer)) {
      this.#violate('alarm', `validator ${validator} computed another root for height ${block.block.executedHeight}`);
    }
  }

  /** What an honest validator sends is never malformed, and always verifies. */
  rejected(validator: number, { from, code, reason }: Extract<ConsensusEffect, { kind: 'rejected' }>): void {
    if (this.#config.adversaries.has(from) || TOLERATED_REASONS.has(reason)) return;
    this.#violate('rejection', `validator ${validator} rejects what ${from} sent: ${code} ${reason}`);
  }

  #state(slot: string, statement: string): void {
    const before = this.#statements.get(slot);
    if (before !== undefined && before !== statement) this.#violate('contradiction', `${slot} is signed twice`);
    this.#statements.set(slot, statement);
  }

  #assertDurable(validator: number, round: number, durableRound: number | undefined): void {
    if (durableRound === undefined || durableRound < round)
      this.#violate('durability', `validator ${validator} signs in round ${round} too early`);
  }

  #violate(what: string, words: string): void {
    this.#simulation.violate(`${what}: ${words}`);
  }
}

function adversariesHas({ adversaries }: CheckerConfig, validator: number): boolean {
  return adversaries.has(validator);
}

// A vote may arrive long after its round, a proposal while clocks differ or from a leader that executes more slowly than a
// voter that has restarted since.
const TOLERATED_REASONS: ReadonlySet<string> = new Set(['round', 'clock', 'root-forgotten']);
