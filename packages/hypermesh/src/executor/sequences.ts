import type { StateReader } from '../machine/machine.ts';

/** The owner's last executed sequence; 0 before the first. */
export function sequenceIn(sequences: StateReader, owner: Uint8Array): number {
  const value = sequences.get(owner);
  return value === undefined ? 0 : Number(Buffer.from(value.buffer, value.byteOffset, value.length).readBigUInt64BE());
}

export function sequenceValue(sequence: number): Uint8Array {
  const value = Buffer.alloc(8);
  value.writeBigUInt64BE(BigInt(sequence));
  return value;
}
