import { setTimeout as pause } from 'node:timers/promises';
import { replicasReady, VALIDATORS, waitUntil } from '@hypermesh/devnet';
import { bootClock } from '@hypermesh/mesh';
import { meshContract, queryMesh, validatorTargets } from '@hypermesh/mesh/client';
import type { Campaign } from '../campaign.ts';
import type { Findings } from '../findings.ts';
import { deployGuest } from '../guests/deployment.ts';
import type { TestBed } from '../mesh/test-bed.ts';
import { GuestProcesses } from './guest-processes.ts';
import { overlaps, presencesOf } from './timeline.ts';
import { Traffic } from './traffic.ts';

const APP = 'exclusive';
const ROUNDS_SHARE = 10;
// Requests see the instance for a while before the fault and after the stopped daemon goes on.
const SETTLED_MS = 1_500;
const RESUMED_MS = 5_000;
// A lease, its margin, a start; on a loaded machine a node that lives may lose its lease meanwhile, and the instance moves on.
const MOVED_MS_MAX = 180_000;
const REJOINED_MS_MAX = 60_000;

/** `kill -9` and SIGSTOP of the node that runs an exclusive app: one instance at most, at any time. */
export const runExclusive: Campaign = async ({ bed, rounds, findings, onProgress }) => {
  onProgress('deploying an exclusive app');
  await deployGuest(bed, {
    name: APP,
    source: 'exclusive.as',
    spec: { replicas: 1, exclusive: true, onPartition: 'stop', resources: { cpuMillis: 100, memory: '32MiB' } },
  });
  using processes = new GuestProcesses(bed.mesh.directory, APP);
  for (let round = 0; round < Math.max(1, Math.ceil(rounds / ROUNDS_SHARE)); round++) {
    for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
      await findings.check(`${signal}, round ${round + 1}`, () => runFault({ bed, signal, processes, findings, onProgress }));
    }
  }
  for (const overlap of overlaps(processes.presences())) findings.violation(`two processes at once: ${overlap}`);
  findings.count('guest processes seen', processes.all.length);
};

interface Fault {
  readonly bed: TestBed;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  readonly processes: GuestProcesses;
  readonly findings: Findings;
  readonly onProgress: (text: string) => void;
}

/** Where the one instance runs. */
interface Place {
  readonly node: string;
  readonly nodeId: Uint8Array;
  readonly placement: string;
}

async function runFault(fault: Fault): Promise<void> {
  const { bed, signal, processes, findings, onProgress } = fault;
  const before = await placeOf(bed);
  onProgress(`${signal} of ${before.node}, which runs ${before.placement}`);
  let doors = VALIDATORS.filter((name) => name !== before.node);
  const traffic = new Traffic(APP, () => doorsOf(bed, doors));
  try {
    await pause(SETTLED_MS, undefined, { signal: bed.signal });
    const faultAt = Date.now();
    const faultBoot = bootClock();
    if (signal === 'SIGKILL') await bed.mesh.kill(before.node);
    else bed.mesh.daemon(before.node).kill('SIGSTOP');
    const after = await waitUntil('the instance to run elsewhere', MOVED_MS_MAX, bed.signal, async () => {
      const place = await placeOf(bed);
      return place.placement !== before.placement && traffic.answers.some(({ replica }) => replica === place.placement) && place;
    });
    findings.highest('longest time to move, ms', Date.now() - faultAt);
    onProgress(`${after.placement} answers on ${after.node}`);
    await judgeTimes(fault, before);
    const resumedAt = Date.now();
    await resume(bed, before.node);
    doors = [...VALIDATORS];
    await pause(RESUMED_MS, undefined, { signal: bed.signal });
    const stale = traffic.answers.filter(({ replica, at }) => replica === before.placement && at > resumedAt);
    findings.expect(stale.length === 0, `${before.node} served ${before.placement} ${stale.length} times after it had come back`);
    const revived = processes.all.filter(({ placement, startedAt }) => placement === before.placement && startedAt > faultBoot);
    findings.expect(revived.length === 0, `${before.node} started ${before.placement} again`);
    await rejoined(bed, before.node);
  } finally {
    await resume(bed, before.node);
    await traffic[Symbol.asyncDispose]();
  }
  const said = traffic.answers.map(({ node, replica, at }) => ({ instance: `${replica} on ${node}`, at }));
  for (const overlap of overlaps(presencesOf(said))) findings.violation(`two instances answered at once: ${overlap}`);
  findings.count(`${signal} of the node`);
  findings.count('answers with instance and time', traffic.answers.length);
}

/** The old process ended within its lease, the new one started after it. */
async function judgeTimes({ bed, processes, findings }: Fault, before: Place): Promise<void> {
  const { user, signal } = bed;
  const { exclusiveMarginMs } = await queryMesh(user.mesh, 'parameters', 0, { signal });
  const placements = await queryMesh(user.mesh, 'placements', { app: null, node: null, after: '' }, { signal });
  const closedAt = placements.find(({ id }) => id === before.placement)?.closedAt ?? null;
  const toWall = Date.now() - bootClock();
  const inTurn = processes.all.toSorted((one, other) => one.startedAt - other.startedAt);
  const old = inTurn.findLast(({ placement }) => placement === before.placement);
  const next = inTurn.find(({ placement, startedAt }) => placement !== before.placement && startedAt > (old?.startedAt ?? 0));
  if (closedAt === null || old === undefined || next === undefined) {
    findings.violation(`${before.placement}: not closed, or its processes were not seen`);
    return;
  }
  if (!findings.expect(old.goneAt !== null, `the process of ${before.placement} still lives`)) return;
  const endedAt = (old.goneAt as number) + toWall;
  const startedAt = next.startedAt + toWall;
  findings.expect(endedAt <= closedAt, `the process of ${before.placement} ended ${Math.round(endedAt - closedAt)} ms after its lease`);
  findings.expect(startedAt >= closedAt, `${next.placement} started ${Math.round(closedAt - startedAt)} ms before the lease had ended`);
  findings.highest('longest gap between processes, ms', startedAt - endedAt);
  findings.highest('margin of the mesh, ms', exclusiveMarginMs);
}

/** Where running nodes take requests. */
function doorsOf({ mesh }: TestBed, names: readonly string[]): readonly string[] {
  const running = mesh.running().filter(({ spec }) => names.includes(spec.name));
  return running.map(({ addresses }) => addresses.ingress as string);
}

/** Lets a stopped daemon go on and starts a killed one. */
async function resume({ mesh }: TestBed, name: string): Promise<void> {
  const daemon = mesh.running().find(({ spec }) => spec.name === name);
  if (daemon === undefined) await mesh.start(name);
  else daemon.kill('SIGCONT');
}

async function placeOf(bed: TestBed): Promise<Place> {
  const [endpoint] = await replicasReady(bed.user, APP, 1, bed.signal);
  const nodes = await queryMesh(bed.user.mesh, 'nodes', 0, { signal: bed.signal });
  const { placement, node: nodeId } = endpoint as NonNullable<typeof endpoint>;
  const name = nodes.find(({ node }) => Buffer.compare(node.id, nodeId) === 0)?.name ?? '';
  return { node: name, nodeId, placement };
}

/** The node has executed what the others had when it came back. */
async function rejoined({ user, signal }: TestBed, name: string): Promise<void> {
  const { host, genesis } = user.member;
  const target = validatorTargets(genesis, 'bundle')[genesis.validators.findIndex((entry) => entry.name === name)];
  const { executedHeight: goal } = await user.mesh.status({ signal });
  const client = host.connect(meshContract, target as NonNullable<typeof target>);
  await waitUntil(`${name} to reach height ${goal}`, REJOINED_MS_MAX, signal, async () => {
    return (await client.status({}, { signal })).executedHeight >= goal;
  });
}
