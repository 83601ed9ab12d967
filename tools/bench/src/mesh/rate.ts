import { DAEMONS, type RunningMesh, VALIDATORS } from '@hypermesh/devnet';
import { SUBMITTED_TRANSACTIONS_MAX } from '@hypermesh/mesh/client';
import { type Metric, type Params, perRun } from '../report/metric.ts';
import { median } from '../report/statistics.ts';
import type { LoadShape } from './ledger-load.ts';
import { runLoad } from './throughput.ts';

/** All daemons of the local mesh and the client, each in a process. */
export const VOTES: Params = { validators: VALIDATORS.length, processes: DAEMONS.length + 1, votes: 'falcon1024' };

// The engine still compiles during the first thousands of transactions: a validator that runs for months is measured, not its start.
const WARM_UP_RUNS = 4;

export interface RateOptions {
  readonly name: string;
  readonly shape: LoadShape;
  /** What the load holds of what the metric counts. */
  readonly counted: number;
  readonly runs: number;
}

/** How much of a load signed beforehand four validators commit in a second. */
export async function measureRate(running: RunningMesh, { name, shape, counted, runs }: RateOptions, signal: AbortSignal): Promise<Metric> {
  const rates: number[] = [];
  const cpuMs: number[] = [];
  let sizes = {};
  for (let run = 0; run < WARM_UP_RUNS + runs; run++) {
    const { durationMs, cpuMs: used, ...bytes } = await runLoad(running, shape, run, signal);
    sizes = bytes;
    if (run < WARM_UP_RUNS) continue;
    rates.push((counted * 1000) / durationMs);
    cpuMs.push(used / counted);
  }
  const validatorsCpuMsEach = Math.round(median(cpuMs) * 1000) / 1000;
  const params = {
    ...VOTES,
    ...shape,
    ...sizes,
    validatorsCpuMsEach,
    warmUpRuns: WARM_UP_RUNS,
    transactionsPerCallMax: SUBMITTED_TRANSACTIONS_MAX,
    verified: 'balances',
  };
  return perRun(name, 'per_s', rates, params);
}
