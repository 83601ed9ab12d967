import type { StateReader } from '../machine/machine.ts';
import { readNumber, writeNumber } from '../state/level.ts';

/** The owner's last executed sequence; 0 before the first. */
export function sequenceIn(sequences: StateReader, owner: Uint8Array): number {
  const value = sequences.get(owner);
  return value === undefined ? 0 : readNumber(value);
}

export function sequenceValue(sequence: number): Uint8Array {
  const value = Buffer.allocUnsafe(8);
  writeNumber(value, sequence, 0);
  return value;
}
