import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { replicasReady, type RunningMesh, VALIDATORS } from '@hypermesh/devnet';
import { equalBytes } from '@hypermesh/stoq';
import { benchError } from '../errors.ts';
import { latency, type Metric, type Params } from '../report/metric.ts';
import { median } from '../report/statistics.ts';
import type { SuiteContext } from '../suite.ts';
import { exampleSpec, fundApp, order, type PublishedExample, publishedExample } from './example-app.ts';
import { measureSchedule } from './schedule.ts';

const ANSWER_MS_MAX = 30_000;
const ANSWER_POLL_MS = 10;
const HOP_WARM_UP = 20;
const HOP_REQUESTS_PER_RUN = 100;
const DRIVER: Params = { driver: 'wasm', door: 'HTTP ingress' };

export async function* measureMesh({ mesh, runs, signal, onProgress }: SuiteContext): AsyncGenerator<Metric> {
  yield measureSchedule(runs);
  const running = await mesh.running();
  onProgress('mesh: publishing the example');
  const example = await publishedExample(running.user, signal);
  onProgress('mesh: running it on every node once, so that each has the image');
  await deployed(running, example, 'bench-everywhere', VALIDATORS.length, signal);
  const answers: number[] = [];
  for (let run = 0; run < runs; run++) {
    onProgress(`mesh: deployment ${run + 1} of ${runs}`);
    answers.push(await deployed(running, example, `bench-${run}`, 1, signal));
    if (run < runs - 1) await removed(running, `bench-${run}`, signal);
  }
  yield latency('hypermesh.deploy.first_answer_ms', answers, { ...DRIVER, replicas: 1, image: 'cached', from: 'signing the deployment' });
  yield await measureHop(running, `bench-${runs - 1}`, runs, signal);
  await removed(running, `bench-${runs - 1}`, signal);
  await removed(running, 'bench-everywhere', signal);
}

/** Milliseconds from signing the deployment to the first good answer through the first node's ingress. */
async function deployed(
  running: RunningMesh,
  example: PublishedExample,
  app: string,
  replicas: number,
  signal: AbortSignal,
): Promise<number> {
  const { user } = running;
  await fundApp(user, app, signal);
  const spec = await exampleSpec(example, app, replicas);
  const startedAt = await order(user, { kind: 'app.deploy', spec, proof: null }, signal);
  await firstAnswer(doorOf(running, VALIDATORS[0] as string), app, signal);
  const durationMs = performance.now() - startedAt;
  await replicasReady(user, app, replicas, signal);
  return durationMs;
}

/** Asks until there is a good answer. */
async function firstAnswer(door: string, app: string, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  while (!(await isAnswered(door, app, signal))) {
    if (performance.now() - startedAt > ANSWER_MS_MAX) throw benchError('bench.step_failed', { app, reason: 'no answer in time' });
    await pause(ANSWER_POLL_MS, undefined, { signal });
  }
}

async function removed({ user }: RunningMesh, name: string, signal: AbortSignal): Promise<void> {
  await order(user, { kind: 'app.remove', name, proof: null }, signal);
}

/**
 * The same request to the one replica through the door of its own node and through that of another, in turns. The hop is what
 * the second takes longer, pair by pair.
 */
async function measureHop(running: RunningMesh, app: string, runs: number, signal: AbortSignal): Promise<Metric> {
  const { validators } = running.user.member.genesis;
  const [endpoint] = await replicasReady(running.user, app, 1, signal);
  const home = validators.find(({ nodeId }) => endpoint !== undefined && equalBytes(nodeId, endpoint.node));
  const other = validators.find((validator) => validator !== home);
  if (home === undefined || other === undefined) throw benchError('bench.step_failed', { app, reason: 'no node runs it' });
  // A node that lags does not know the replica yet.
  for (const { name } of [home, other]) await firstAnswer(doorOf(running, name), app, signal);
  const local: number[] = [];
  const remote: number[] = [];
  for (let turn = 0; turn < HOP_WARM_UP + HOP_REQUESTS_PER_RUN * runs; turn++) {
    const here = await requestMs(doorOf(running, home.name), app, signal);
    const there = await requestMs(doorOf(running, other.name), app, signal);
    if (turn < HOP_WARM_UP) continue;
    local.push(here);
    remote.push(there);
  }
  const extra = remote.map((durationMs, turn) => durationMs - (local[turn] as number));
  const params = { ...DRIVER, warmUp: HOP_WARM_UP, order: 'interleaved', viaOtherNodeMs: rounded(median(remote)) };
  return { ...latency('hypermesh.hop.ms', extra, params), baseline: { name: 'own node, ms', value: median(local) } };
}

async function requestMs(door: string, app: string, signal: AbortSignal): Promise<number> {
  const startedAt = performance.now();
  if (!(await isAnswered(door, app, signal))) throw benchError('bench.step_failed', { app, reason: 'no good answer' });
  return performance.now() - startedAt;
}

async function isAnswered(door: string, app: string, signal: AbortSignal): Promise<boolean> {
  const response = await fetch(`${door}/${app}/`, { signal });
  const body = await response.text();
  return response.ok && body.length > 0;
}

function doorOf({ mesh }: RunningMesh, node: string): string {
  return mesh.daemon(node).addresses.ingress as string;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
