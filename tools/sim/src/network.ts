import type { PartitionShape, Schedule } from './schedule.ts';
import type { Simulation } from './simulation.ts';

/** Loses, delays, reorders and duplicates, by links between instances; reliable and quick once healed for good. */
export class Network {
  readonly #simulation: Simulation;
  readonly #schedule: Schedule;
  readonly #cut = new Set<string>();
  /** Validator of each instance. */
  readonly #indexes: readonly number[];
  #losesProposals = false;
  #isReliable = false;

  constructor(simulation: Simulation, schedule: Schedule, indexes: readonly number[]) {
    this.#simulation = simulation;
    this.#schedule = schedule;
    this.#indexes = indexes;
  }

  transmit(from: number, to: number, deliver: () => void, isProposal: boolean = false): void {
    const { prng } = this.#simulation;
    const { lossChance, duplicationChance, delayMsMax } = this.#schedule;
    if (this.#cut.has(`${from}>${to}`)) return;
    if (!this.#isReliable && prng.chance(isProposal && this.#losesProposals ? PROPOSAL_LOSS_CHANCE : lossChance)) return;
    const copies = !this.#isReliable && prng.chance(duplicationChance) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) this.#simulation.after(DELAY_MS_MIN + prng.fraction() * delayMsMax, deliver);
  }

  partition(shape: PartitionShape): void {
    const { prng } = this.#simulation;
    this.heal();
    this.#losesProposals = shape === 'proposals';
    const instanceCount = this.#indexes.length;
    const group: number[] = [];
    for (const [instance, index] of this.#indexes.entries()) {
      // Twins are the most harmful on different sides.
      group.push(index === instance ? prng.integer(0, shape === 'thirds' ? 2 : 1) : 1 - Math.min(1, group[index] as number));
    }
    const victim = prng.integer(0, instanceCount - 1);
    for (let from = 0; from < instanceCount; from++) {
      for (let to = 0; to < instanceCount; to++) {
        if (this.#isCut(shape, from, to, group, victim)) this.#cut.add(`${from}>${to}`);
      }
    }
  }

  heal(): void {
    this.#losesProposals = false;
    this.#cut.clear();
  }

  becomeReliable(): void {
    this.heal();
    this.#isReliable = true;
  }

  #isCut(shape: PartitionShape, from: number, to: number, group: readonly number[], victim: number): boolean {
    switch (shape) {
      case 'halves':
      case 'thirds':
        return group[from] !== group[to];
      case 'deaf':
        return to === victim;
      case 'mute':
        return from === victim;
      case 'links':
        return this.#simulation.prng.chance(1 / 3);
      case 'proposals':
        return false;
    }
  }
}

const DELAY_MS_MIN = 0.1;
// Some get through, so that a block is certified by validators whose successors do not hear of it.
const PROPOSAL_LOSS_CHANCE = 0.6;
