import { performance } from 'node:perf_hooks';
import { formatId } from '@hypermesh/stoq';
import { meshContract, queryMesh, validatorTargets } from '@hypermesh/mesh/client';
import type { Endpoint } from '@hypermesh/mesh/machine';
import { devnetError } from '../errors.ts';
import { VALIDATORS } from '../mesh/layout.ts';
import type { LocalMesh } from '../mesh/local-mesh.ts';
import { type CertificateReport, verifyCertificates } from './certificates.ts';
import { deployExample, publishExample } from './deployment.ts';
import { connectMesh } from './phase.ts';
import { closePeriod } from './settlement.ts';
import { type Exchange, longestGapMs, sendRequests, sendUntil } from './traffic.ts';
import type { User } from './user.ts';
import { type ValidatorReport, validatorsAtOneHeight } from './validators.ts';
import { waitUntil } from './wait.ts';

/** What the main job did, measured while it did it. Amounts are decimal strings of 1e-9 CAES. */
export interface JobReport {
  readonly drivers: readonly { readonly name: string; readonly available: boolean; readonly reason: string }[];
  readonly validators: readonly ValidatorReport[];
  readonly certificates: CertificateReport;
  readonly package: { readonly name: string; readonly version: string; readonly root: string };
  readonly app: {
    readonly name: string;
    readonly replicas: readonly { readonly id: string; readonly node: string; readonly requests: number }[];
    readonly requests: number;
    /** Outside the window of the kill. */
    readonly failed: number;
  };
  readonly killed: { readonly node: string; readonly gapMs: number; readonly failed: number };
  readonly period: {
    readonly number: number;
    readonly totalBefore: string;
    readonly totalAfter: string;
    readonly paid: readonly { readonly account: string; readonly amount: string }[];
  };
}

export interface JobOptions {
  readonly mesh: LocalMesh;
  readonly user: User;
  /** Folder of the example package. */
  readonly example: string;
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
}

const REQUESTS = 120;
const SETTLED_REQUESTS = 30;
// Replicas of the killed node move when its lease has ended.
const MOVED_MS_MAX = 60_000;
const REJOINED_MS_MAX = 60_000;

/** Certificates, package, app, traffic, a killed node, settlement: each step checks that it really happened. */
export async function runMainJob(options: JobOptions): Promise<JobReport> {
  const { mesh, user, example, signal, onProgress } = options;
  onProgress('connecting the mesh: witnesses and quorum verdicts');
  await connectMesh(user, signal);
  onProgress('verifying every certificate with its log proof');
  const certificates = await verifyCertificates(user, signal);
  onProgress(`publishing ${example}`);
  const published = await publishExample(user, example, signal);
  onProgress(`deploying ${published.name}@${published.version}`);
  const { name, endpoints } = await deployExample(user, example, signal);
  const names = await nodeNames(user, signal);
  if (new Set(endpoints.map(({ node }) => names.get(hex(node)))).size < 2) {
    throw devnetError('devnet.step_failed', { reason: 'all replicas are on one node' });
  }
  onProgress(`sending ${REQUESTS} requests`);
  const before = await sendRequests(REQUESTS, { ingresses: ingressesOf(mesh), app: name, signal });
  const kill = await killOneNode(options, name, endpoints, names);
  const after = await sendRequests(SETTLED_REQUESTS, { ingresses: ingressesOf(mesh), app: name, signal });
  onProgress('settling a period');
  const period = await closePeriod(user, signal);
  const quiet = [...before, ...after];
  return {
    drivers: await driversOf(user, signal),
    validators: await validatorsAtOneHeight(user, signal),
    certificates,
    package: { name: published.name, version: published.version, root: formatId('pkg', published.root) },
    app: {
      name,
      replicas: replicaCounts([...endpoints, ...kill.endpoints], names, [...quiet, ...kill.exchanges]),
      requests: quiet.length + kill.exchanges.length,
      failed: quiet.filter(({ replica }) => replica === undefined).length,
    },
    killed: { node: kill.node, gapMs: kill.gapMs, failed: kill.failed },
    period: {
      number: period.number,
      totalBefore: period.totalBefore.toString(),
      totalAfter: period.totalAfter.toString(),
      paid: period.paid.map(({ account, amount }) => ({ account, amount: amount.toString() })),
    },
  };
}

interface Kill {
  readonly node: string;
  readonly gapMs: number;
  readonly failed: number;
  readonly exchanges: readonly Exchange[];
  /** Where the app runs after its replicas have moved. */
  readonly endpoints: readonly Endpoint[];
}

/** Kills a node that runs a replica under traffic through the doors of the others, waits until its replicas have moved, restarts it. */
async function killOneNode(
  { mesh, user, signal, onProgress }: JobOptions,
  app: string,
  endpoints: readonly Endpoint[],
  names: ReadonlyMap<string, string>,
): Promise<Kill> {
  const victim = names.get(hex((endpoints.at(-1) as Endpoint).node)) as string;
  onProgress(`killing ${victim} under traffic`);
  const ingresses = ingressesOf(mesh, victim);
  let killedAt = 0;
  const moved = (async (): Promise<readonly Endpoint[]> => {
    killedAt = performance.now();
    await mesh.kill(victim);
    return waitUntil(`the replicas of ${victim} to move`, MOVED_MS_MAX, signal, async () => {
      const current = await queryMesh(user.mesh, 'endpoints', app, { signal });
      const alive = current.every(({ node }) => names.get(hex(node)) !== victim);
      return alive && current.length >= endpoints.length ? current : false;
    });
  })();
  const exchanges = await sendUntil(moved, { ingresses, app, signal });
  const movedTo = await moved;
  const gapMs = Math.round(longestGapMs(exchanges, killedAt, performance.now()));
  onProgress(`restarting ${victim}`);
  await mesh.start(victim);
  await rejoined(user, victim, signal);
  return { node: victim, gapMs, failed: exchanges.filter(({ replica }) => replica === undefined).length, exchanges, endpoints: movedTo };
}

/** The restarted validator has executed what the others had committed when it came back. */
async function rejoined({ member, mesh }: User, name: string, signal: AbortSignal): Promise<void> {
  const { host, genesis } = member;
  const target = validatorTargets(genesis, 'bundle')[genesis.validators.findIndex((entry) => entry.name === name)];
  if (target === undefined) throw devnetError('devnet.step_failed', { reason: 'not a validator', node: name });
  const { executedHeight: goal } = await mesh.status({ signal });
  const client = host.connect(meshContract, target);
  await waitUntil(`${name} to reach height ${goal}`, REJOINED_MS_MAX, signal, async () => {
    const { executedHeight } = await client.status({}, { signal });
    return executedHeight >= goal;
  });
}

function ingressesOf(mesh: LocalMesh, without?: string): readonly string[] {
  return VALIDATORS.filter((name) => name !== without).map((name) => mesh.daemon(name).addresses.ingress as string);
}

async function nodeNames({ mesh }: User, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const nodes = await queryMesh(mesh, 'nodes', 0, { signal });
  return new Map(nodes.map(({ node, name }) => [hex(node.id), name]));
}

function replicaCounts(
  endpoints: readonly Endpoint[],
  names: ReadonlyMap<string, string>,
  exchanges: readonly Exchange[],
): JobReport['app']['replicas'] {
  const nodes = new Map(endpoints.map(({ placement, node }) => [placement, names.get(hex(node)) ?? hex(node)]));
  return [...nodes].map(([id, node]) => ({ id, node, requests: exchanges.filter(({ replica }) => replica === id).length }));
}

async function driversOf({ mesh }: User, signal: AbortSignal): Promise<JobReport['drivers']> {
  const nodes = await queryMesh(mesh, 'nodes', 0, { signal });
  const kinds = new Set(nodes.flatMap(({ node }) => node.packageKinds));
  return [
    { name: 'wasm', available: kinds.has('wasm'), reason: kinds.has('wasm') ? 'runs everywhere' : 'no node offers it' },
    { name: 'oci', available: kinds.has('container'), reason: kinds.has('container') ? 'root and runc are there' : 'needs root and runc' },
  ];
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
