import { Prng } from '@hypermesh/testkit';

export const BEHAVIOURS = [
  'silence',
  'death',
  'double-vote',
  'equivocation',
  'garbage',
  'forged-certificates',
  'stale-parent',
  'wrong-root',
  'wrong-time',
  'withheld-batches',
  'useless-blocks',
  'twins',
] as const;

export type Behaviour = (typeof BEHAVIOURS)[number];

export type Step =
  | { readonly kind: 'submit'; readonly atMs: number; readonly validator: number }
  | { readonly kind: 'crash'; readonly atMs: number; readonly validator: number; readonly downMs: number }
  | { readonly kind: 'blackout'; readonly atMs: number; readonly downMs: number }
  | { readonly kind: 'partition'; readonly atMs: number; readonly shape: PartitionShape }
  | { readonly kind: 'heal'; readonly atMs: number };

/** `halves` and `thirds` split the mesh, `deaf` cuts what one validator hears, `mute` what it says, `links` cuts a third of all links, `proposals` loses most proposals. */
export type PartitionShape = 'halves' | 'thirds' | 'deaf' | 'mute' | 'links' | 'proposals';

/** Everything that a run depends on; made from the seed alone. */
export interface Schedule {
  readonly seed: number;
  readonly validatorCount: number;
  /** At most f. */
  readonly adversaries: ReadonlyMap<number, readonly Behaviour[]>;
  readonly delayMsMax: number;
  readonly lossChance: number;
  readonly duplicationChance: number;
  /** Of each disk write: the process dies before or after it. */
  readonly crashChance: number;
  /** Between any two clocks at most the skew that consensus allows. */
  readonly skewMsMax: number;
  /** Whether messages go through their encoding. */
  readonly isEncoded: boolean;
  readonly steps: readonly Step[];
  /** From then on the network is reliable, and every honest validator runs. */
  readonly healAtMs: number;
}

const VALIDATOR_COUNTS = [4, 4, 4, 4, 5, 5, 6, 6, 7, 7, 3, 2, 1, 10] as const;
const CHAOS_MS_MIN = 500;
const CHAOS_MS_MAX = 10_000;

export function createSchedule(seed: number): Schedule {
  const prng = new Prng(seed);
  const validatorCount = prng.pick(VALIDATOR_COUNTS);
  const faultyMax = Math.floor((validatorCount - 1) / 3);
  const healAtMs = prng.integer(CHAOS_MS_MIN, CHAOS_MS_MAX);
  const isRough = prng.chance(0.7);
  return {
    seed,
    validatorCount,
    adversaries: chooseAdversaries(prng, validatorCount, prng.chance(0.7) ? faultyMax : 0),
    delayMsMax: prng.pick([5, 20, 100, 300]),
    lossChance: isRough ? prng.pick([0, 0.02, 0.1, 0.3]) : 0,
    duplicationChance: isRough ? prng.pick([0, 0.05, 0.3]) : 0,
    crashChance: isRough ? prng.pick([0, 0.005, 0.03]) : 0,
    skewMsMax: prng.pick([0, 50, 900]),
    isEncoded: prng.chance(0.1),
    steps: chooseSteps(prng, validatorCount, healAtMs, isRough),
    healAtMs,
  };
}

function chooseAdversaries(prng: Prng, validatorCount: number, count: number): Map<number, readonly Behaviour[]> {
  const validators = Array.from({ length: validatorCount }, (_, index) => index);
  const chosen = prng.shuffle(validators).slice(0, count);
  return new Map(chosen.map((validator) => [validator, prng.shuffle(BEHAVIOURS).slice(0, prng.integer(1, 3))]));
}

function chooseSteps(prng: Prng, validatorCount: number, healAtMs: number, isRough: boolean): Step[] {
  const at = (): number => prng.integer(0, healAtMs);
  const validator = (): number => prng.integer(0, validatorCount - 1);
  const steps: Step[] = Array.from({ length: prng.integer(1, 8) }, () => ({ kind: 'submit', atMs: at(), validator: validator() }));
  if (isRough) {
    for (let count = prng.integer(0, 3); count > 0; count--) {
      steps.push({ kind: 'crash', atMs: at(), validator: validator(), downMs: prng.integer(1, CHAOS_MS_MAX) });
    }
    for (let count = prng.integer(0, 4); count > 0; count--) {
      steps.push({
        kind: 'partition',
        atMs: at(),
        shape: prng.pick(['halves', 'thirds', 'deaf', 'mute', 'links', 'proposals', 'proposals']),
      });
    }
    if (prng.chance(0.5)) steps.push({ kind: 'heal', atMs: at() });
    if (prng.chance(0.2)) steps.push({ kind: 'blackout', atMs: at(), downMs: prng.integer(1, CHAOS_MS_MIN) });
  }
  return steps.toSorted((left, right) => left.atMs - right.atMs);
}
