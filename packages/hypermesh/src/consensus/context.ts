import type { Chain } from './chain.ts';
import type { ConsensusConfig } from './consensus.ts';
import type { ConsensusEffect } from './events.ts';
import type { Pacemaker } from './pacemaker.ts';
import type { SafetyRules } from './safety-rules.ts';

/** What the parts of the core share. */
export interface Context {
  readonly config: ConsensusConfig;
  readonly chain: Chain;
  readonly pacemaker: Pacemaker;
  readonly safety: SafetyRules;
  readonly emit: (effect: ConsensusEffect) => void;
}

/** The other validators, `first` in front. */
export function othersOf({ config }: Context, first: readonly number[]): number[] {
  const all = Array.from({ length: config.validators.size }, (_, index) => index);
  return [...new Set([...first, ...all])].filter((index) => index !== config.self);
}
