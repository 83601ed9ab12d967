import type { Entropy } from '@hypermesh/stoq';

export interface RetryDelays {
  readonly minMs: number;
  readonly maxMs: number;
}

/** Doubles from `minMs` to `maxMs` with the number of failures in a row, and spreads callers over the upper half. */
export function retryDelay(failures: number, { minMs, maxMs }: RetryDelays, entropy: Entropy): number {
  const delayMs = Math.min(maxMs, minMs * 2 ** Math.min(failures, 30));
  const [spread = 0] = entropy.bytes(1);
  return delayMs * (0.5 + spread / 512);
}
