import { performance } from 'node:perf_hooks';
import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { RunningMesh } from '@hypermesh/devnet';
import { latency, type Metric, perRun } from '../report/metric.ts';
import { cpuMsOf, memoryMbOf, withDescendants } from '../report/process-usage.ts';
import type { SuiteContext } from '../suite.ts';
import { mainJobMs } from './main-job.ts';

const JOBS_MAX = 3;
// After this a mesh that has just started has proven its nodes and is quiet.
const SETTLE_MS = 20_000;
const WINDOW_MS = 10_000;

export async function* measureStack({ mesh, runs, signal, onProgress }: SuiteContext): AsyncGenerator<Metric> {
  const durations: number[] = [];
  for (let run = 0; run < Math.min(runs, JOBS_MAX); run++) {
    onProgress('stack: the main job, from nothing to its report and the end of all processes');
    durations.push(await mainJobMs(signal));
  }
  yield latency('stack.once.ms', durations, { built: true, processes: 9 });
  yield* measureIdle(await mesh.running(), runs, signal, onProgress);
}

async function* measureIdle(
  { mesh }: RunningMesh,
  runs: number,
  signal: AbortSignal,
  onProgress: (text: string) => void,
): AsyncGenerator<Metric> {
  onProgress('stack: the idle mesh');
  await pause(SETTLE_MS, undefined, { signal });
  const pids = withDescendants(mesh.running().map(({ pid }) => pid));
  const percents: number[] = [];
  const megabytes: number[] = [];
  for (let run = 0; run < runs; run++) {
    const startedAt = performance.now();
    const before = cpuMsOf(pids);
    await pause(WINDOW_MS, undefined, { signal });
    percents.push(((cpuMsOf(pids) - before) / (performance.now() - startedAt) / availableParallelism()) * 100);
    megabytes.push(memoryMbOf(pids));
  }
  const params = { daemons: mesh.running().length, processes: pids.length, windowMs: WINDOW_MS, settledMs: SETTLE_MS };
  yield perRun('stack.idle.cpu_percent', 'percent', percents, { ...params, of: 'all cores' });
  yield perRun('stack.idle.mb', 'MB', megabytes, { ...params, counts: 'proportional set size' });
}
