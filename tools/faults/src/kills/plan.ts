import { Prng } from '@hypermesh/testkit';

/** Whom a round kills: a kind of daemon, or the validator that leads at that moment. */
export type Victim = 'trustchaind' | 'leader' | 'validator' | 'catalogd' | 'caesard' | 'stoqd';

export const VICTIMS: readonly Victim[] = ['trustchaind', 'leader', 'validator', 'catalogd', 'caesard', 'stoqd'];

export interface PlannedKill {
  readonly victim: Victim;
  /** Which of the validators, for `validator`: an index modulo their number. */
  readonly choice: number;
  /** Time under load before the kill, and between the kill and the restart. */
  readonly afterMs: number;
  readonly downMs: number;
}

// From the middle of a write to several blocks later.
const AFTER_MS_MAX = 2_500;
// From less than a view change to a good part of a lease.
const DOWN_MS_MAX = 3_000;

/** The faults of a campaign: every kind of daemon once in each series of six, in an order of its own. */
export function planKills(seed: number, rounds: number): readonly PlannedKill[] {
  const random = new Prng(seed);
  const plan: PlannedKill[] = [];
  let series: Victim[] = [];
  while (plan.length < rounds) {
    if (series.length === 0) series = random.shuffle(VICTIMS);
    plan.push({
      victim: series.pop() as Victim,
      choice: random.integer(0, 1_000),
      afterMs: random.integer(0, AFTER_MS_MAX),
      downMs: random.integer(0, DOWN_MS_MAX),
    });
  }
  return plan;
}
