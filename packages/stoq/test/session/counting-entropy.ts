import { createHash } from 'node:crypto';
import type { Entropy } from '../../src/index.ts';

/** The same bytes on every run: SHA-512 of a counter, cut to length. */
export function countingEntropy(): Entropy {
  let count = 0;
  return {
    bytes: (length) => Uint8Array.from(createHash('sha512').update(`entropy ${count++}`).digest().subarray(0, length)),
  };
}
