import { performance } from 'node:perf_hooks';
import { type Candidate, schedule } from '@hypermesh/mesh/machine';
import { benchError } from '../errors.ts';
import { type Metric, perRun } from '../report/metric.ts';

const NODES = 1_000;
const DECISIONS_PER_RUN = 2_000;
const WARM_UP_DECISIONS = 500;
const MEBIBYTE = 2 ** 20;
const DEMAND = { kind: 'wasm', cpuMillis: 100, memoryBytes: 32 * MEBIBYTE } as const;

/** Placement decisions one after the other, each taking its share of the node that it chose. */
export function measureSchedule(runs: number): Metric {
  decideMs(WARM_UP_DECISIONS);
  const rates = Array.from({ length: runs }, () => (DECISIONS_PER_RUN * 1000) / decideMs(DECISIONS_PER_RUN));
  const params = { nodes: NODES, decisionsPerRun: DECISIONS_PER_RUN, warmUp: WARM_UP_DECISIONS, what: 'choice among candidates in memory' };
  return perRun('hypermesh.schedule.per_s', 'per_s', rates, params);
}

function decideMs(decisions: number): number {
  const candidates = Array.from({ length: NODES }, (_, index) => candidateOf(index));
  const startedAt = performance.now();
  for (let i = 0; i < decisions; i++) {
    const { candidate } = schedule(candidates, DEMAND);
    if (candidate === undefined) throw benchError('bench.step_failed', { decisions: i, reason: 'no node has room' });
    candidates[candidates.indexOf(candidate)] = placedOn(candidate);
  }
  return performance.now() - startedAt;
}

function placedOn({ used, replicas, ...candidate }: Candidate): Candidate {
  const { cpuMillis, memoryBytes, workloads } = used;
  const now = { cpuMillis: cpuMillis + DEMAND.cpuMillis, memoryBytes: memoryBytes + DEMAND.memoryBytes, workloads: workloads + 1 };
  return { ...candidate, used: now, replicas: replicas + 1 };
}

/** Nodes of different sizes, one in ten out of service, as a mesh of that size has them. */
function candidateOf(index: number): Candidate {
  const node = new Uint8Array(32);
  new DataView(node.buffer).setUint32(0, index);
  const cores = 2 + (index % 8);
  return {
    node,
    packageKinds: ['wasm'],
    capacity: { cpuMillis: cores * 1_000, memoryBytes: cores * 1_024 * MEBIBYTE, workloads: 64 },
    used: { cpuMillis: 0, memoryBytes: 0, workloads: 0 },
    cordoned: index % 10 === 0,
    inService: true,
    proven: true,
    leased: true,
    replicas: 0,
    avoided: false,
  };
}
