import { type Codec, struct, uint } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { StateReader, StateWriter } from '../machine/machine.ts';
import { table, type Table } from './table.ts';

/** 0 bootstrap, 1 connected, 2 federated policy, 3 full; only forward. */
export const PHASE_LAST: number = 3;

export interface Phase {
  readonly phase: number;
  /** Block time in milliseconds. */
  readonly since: number;
}

export const phaseCodec: Codec<Phase> = struct({ phase: uint(PHASE_LAST), since: uint() });

const phases: Table<Phase> = table('phase', phaseCodec);

export function readPhase(state: StateReader): Phase {
  return phases.read(state, '') ?? { phase: 0, since: 0 };
}

/** Throws `hypermesh.phase_order` unless `to` is the next phase. */
export function advancePhase(state: StateWriter, to: number, time: number): void {
  const { phase } = readPhase(state);
  if (to !== phase + 1) throw hypermeshError('hypermesh.phase_order', { phase, to });
  phases.write(state, '', { phase: to, since: time });
}
