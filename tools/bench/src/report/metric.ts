import { distributionOf, median } from './statistics.ts';

export type Unit = 'ms' | 'per_s' | 'gbps' | 'ratio' | 'percent' | 'MB';

export type Params = Readonly<Record<string, string | number | boolean>>;

/** One figure, as `--json` prints it. */
export interface Metric {
  /** As in the table of targets of docs/performance.md. */
  readonly name: string;
  readonly value: number;
  readonly unit: Unit;
  /** Of the samples of a latency; of the runs of a rate. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly n: number;
  /** How it was measured: warm-up, sizes, processes, machine. */
  readonly params: Params;
  /** What it was compared with, in the same run. */
  readonly baseline?: { readonly name: string; readonly value: number };
}

/** A latency: its value is the median of all samples. */
export function latency(name: string, samplesMs: readonly number[], params: Params): Metric {
  const distribution = distributionOf(samplesMs);
  return { name, value: distribution.p50, unit: 'ms', ...distribution, params };
}

/** Something that is measured once a run: its value is the median of the runs. */
export function perRun(name: string, unit: Unit, runs: readonly number[], params: Params): Metric {
  return { name, value: median(runs), unit, ...distributionOf(runs), params };
}
