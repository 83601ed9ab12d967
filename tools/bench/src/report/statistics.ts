import { strict as assert } from 'node:assert';

/** Percentiles of a sample. */
export interface Distribution {
  readonly n: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** The smallest value that at least `percent` of the sample do not exceed (nearest rank). */
export function percentile(sample: readonly number[], percent: number): number {
  assert(sample.length > 0 && percent > 0 && percent <= 100, 'a percentile of something');
  const sorted = sample.toSorted((a, b) => a - b);
  return sorted[Math.ceil((percent / 100) * sorted.length) - 1] as number;
}

export function distributionOf(sample: readonly number[]): Distribution {
  return { n: sample.length, p50: percentile(sample, 50), p95: percentile(sample, 95), p99: percentile(sample, 99) };
}

/** The middle value, or the mean of the two in the middle. */
export function median(sample: readonly number[]): number {
  assert(sample.length > 0, 'a median of something');
  const sorted = sample.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const above = sorted[Math.floor(middle)] as number;
  return Number.isInteger(middle) ? ((sorted[middle - 1] as number) + above) / 2 : above;
}
