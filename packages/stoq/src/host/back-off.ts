import type { Entropy } from '../crypto/entropy.ts';

// A peer that restarts is back within a few of the first; at the longest, a thousand callers cost a dead peer 200 dials a second.
export const BACK_OFF_MS_MIN: number = 100;
export const BACK_OFF_MS_MAX: number = 5_000;

const UINT32_SPAN = 0x1_0000_0000;

/** How long to leave a peer alone after its `failures`-th failure in a row: doubling, of which half is random. */
export function backOffMs(failures: number, entropy: Entropy): number {
  const whole = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS_MIN * 2 ** (failures - 1));
  const bytes = entropy.bytes(4);
  const fraction = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) / UINT32_SPAN;
  return whole / 2 + (whole / 2) * fraction;
}
