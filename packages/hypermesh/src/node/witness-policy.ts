import { type Genesis, genesisPolicy, type WitnessPolicy } from '@hypermesh/trustchain';
import type { StateReader } from '../machine/machine.ts';
import { readPhase } from '../mesh-machine/phase.ts';

/** The phase from which checkpoints need the cosignatures of a quorum of validators. */
const WITNESSED_PHASE = 1;

/** The witness policy of a version as agreed: the validators of genesis once the mesh is connected, and none before. */
export function agreedWitnessPolicy(state: StateReader, genesis: Genesis, version: number): WitnessPolicy | null {
  if (version !== 1 || readPhase(state).phase < WITNESSED_PHASE) return null;
  return { ...genesisPolicy(genesis), version };
}
