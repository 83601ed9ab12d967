import type { StateReader } from '../machine/machine.ts';
import type { ExecutedBlock } from './executor.ts';

/** The executed log as the rest of a daemon reads it, on a validator and on a follower alike. */
export interface LogReader {
  /** Newest executed height. */
  readonly height: number;
  /** Root of roots after that height. */
  readonly root: Uint8Array;
  /** Agreed time of that block, milliseconds since the epoch; 0 at genesis. */
  readonly time: number;
  /** State of a machine; it moves with each executed block. Throws `hypermesh.machine_unknown`. */
  state(machine: string): StateReader;
  query(machine: string, method: string, argument: Uint8Array): Uint8Array;
  sequenceOf(owner: Uint8Array): number;
  /** Calls back after each executed block, synchronously; returns the unsubscribe function. */
  onBlock(listener: (block: ExecutedBlock) => void): () => void;
}
