import { bytes, type Codec, encode, hashLabelled, struct, uint } from '@hypermesh/stoq';
import type { StateReader, StateWriter } from '../machine/machine.ts';
import { table, type Table } from './table.ts';

/** One interval of Proof of State. */
export interface ChallengeWindow {
  /** From 1. */
  readonly number: number;
  /** Bound to the block that opened it, 32 bytes: nobody knew it before. */
  readonly challenge: Uint8Array;
  /** Block time in milliseconds. */
  readonly openedAt: number;
}

export const challengeWindowCodec: Codec<ChallengeWindow> = struct({ number: uint(), challenge: bytes(32), openedAt: uint() });

const windows: Table<ChallengeWindow> = table('window', challengeWindowCodec);
const seedCodec: Codec<{ readonly number: number; readonly blockId: Uint8Array }> = struct({ number: uint(), blockId: bytes(32) });

/** Undefined before the first block. */
export function readWindow(state: StateReader): ChallengeWindow | undefined {
  return windows.read(state, '');
}

/** Opens the next window once the last has lasted `windowMs`. */
export function openWindow(state: StateWriter, time: number, blockId: Uint8Array, windowMs: number): void {
  const last = readWindow(state);
  if (last !== undefined && time < last.openedAt + windowMs) return;
  const number = (last?.number ?? 0) + 1;
  const challenge = hashLabelled('hypermesh/challenge/1', encode(seedCodec, { number, blockId }));
  windows.write(state, '', { number, challenge, openedAt: time });
}
