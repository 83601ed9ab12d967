import { readFileSync } from 'node:fs';
import { deployExample, EXAMPLE, publishExample, replicasReady, VALIDATORS, waitUntil } from '@hypermesh/devnet';
import { orderSponsored } from '@hypermesh/mesh/client';
import { systemEntropy } from '@hypermesh/stoq';
import type { Campaign } from '../campaign.ts';
import { GuestProcesses } from '../exclusive/guest-processes.ts';
import { Traffic } from '../exclusive/traffic.ts';
import type { Findings } from '../findings.ts';
import type { TestBed } from '../mesh/test-bed.ts';
import { deployGuest } from './deployment.ts';

const NEIGHBOUR = 'hello';
// What the app may use, and what Node.js, its engine and the guest's own thread take besides on any machine.
const MEMORY_MIB = 32;
const PROCESS_MIB_MAX: number = MEMORY_MIB + 128;
const REQUEST_MS = 2_000;
// The fuel of a moment; the other app has fuel for hours.
const FUEL = 50_000_000;
const FUEL_PLENTY = 1_000_000_000_000;
// Time for the answer of a request that was stopped at its limit, on a loaded machine.
const ANSWER_MS_MAX = REQUEST_MS + 6_000;
const RECOVERED_MS_MAX = 30_000;

/** One thing that a guest must not manage, and how the mesh answers. */
interface Attack {
  readonly app: 'hostile' | 'hostile-fuel';
  readonly path: string;
  readonly status: number;
  /** Error code in the answer, or a test of the text of a guest that went on. */
  readonly code?: string;
  readonly text?: (answer: string) => boolean;
}

const ATTACKS: readonly Attack[] = [
  { app: 'hostile', path: '/loop', status: 504, code: 'hypermesh.workload_timeout' },
  { app: 'hostile-fuel', path: '/loop', status: 503, code: 'hypermesh.workload_limit' },
  { app: 'hostile', path: '/memory', status: 503, code: 'hypermesh.workload_limit' },
  // The guest goes on with an error number of WASI; 0 would be success.
  { app: 'hostile', path: '/file', status: 200, text: (answer) => /^[1-9]\d*$/u.test(answer) },
  { app: 'hostile', path: '/socket', status: 200, text: (answer) => /^[1-9]\d*$/u.test(answer) },
  { app: 'hostile', path: '/environment', status: 200, text: (answer) => answer === '||yes' },
];

/** Hostile WASM guests: each is stopped within its limit and reported, and neighbours do not notice. */
export const runGuests: Campaign = async ({ bed, rounds, findings, onProgress }) => {
  onProgress('deploying neighbours on every node, and hostile guests');
  await publishExample(bed.user, EXAMPLE, bed.signal);
  await deployExample(bed.user, EXAMPLE, bed.signal);
  await spread(bed);
  const resources = { cpuMillis: 100, memory: `${MEMORY_MIB}MiB` };
  const common = { source: 'hostile.as', spec: { resources, env: { GRANTED: 'yes' } } };
  const limited = (requestMs: number, fuelPerRequest: number): object => ({ ...common.spec, limits: { requestMs, fuelPerRequest } });
  await deployGuest(bed, { ...common, name: 'hostile', spec: { ...limited(REQUEST_MS, FUEL_PLENTY) } });
  await deployGuest(bed, { ...common, name: 'hostile-fuel', spec: { ...limited(60_000, FUEL) } });
  using neighbours = new GuestProcesses(bed.mesh.directory, NEIGHBOUR);
  using hostiles = new GuestProcesses(bed.mesh.directory, 'hostile(?:-fuel)?');
  const before = new Set(neighbours.all.map(({ pid }) => pid));
  const traffic = new Traffic(NEIGHBOUR, () => VALIDATORS.map((name) => bed.mesh.daemon(name).addresses.ingress as string));
  try {
    for (let round = 0; round < Math.max(1, Math.ceil(rounds / 10)); round++) {
      for (const attack of ATTACKS) {
        onProgress(`${attack.app}${attack.path}`);
        await findings.check(`${attack.app}${attack.path}`, () => launch(bed, attack, hostiles, findings));
      }
    }
  } finally {
    await traffic[Symbol.asyncDispose]();
  }
  findings.count('answers of neighbours', traffic.answers.length);
  findings.highest('slowest answer of a neighbour, ms', traffic.slowestMs);
  findings.expect(traffic.failed === 0, `${traffic.failed} requests to neighbours failed`);
  const lost = neighbours.all.filter(({ pid, goneAt }) => before.has(pid) && goneAt !== null);
  findings.expect(lost.length === 0, `neighbours ended: ${lost.map(({ placement }) => placement).join(', ')}`);
};

async function launch(bed: TestBed, attack: Attack, hostiles: GuestProcesses, findings: Findings): Promise<void> {
  const { app, path } = attack;
  const startedAt = performance.now();
  const { status, body } = await ask(bed, app, path);
  const tookMs = performance.now() - startedAt;
  const answer = `${status} ${body.slice(0, 200)} after ${Math.round(tookMs)} ms`;
  findings.expect(status === attack.status, `${app}${path}: ${attack.status} expected: ${answer}`);
  if (attack.code !== undefined) findings.expect(body.includes(`"${attack.code}"`), `${app}${path}: ${attack.code} expected: ${answer}`);
  if (attack.text !== undefined) findings.expect(attack.text(body), `${app}${path}: ${answer}`);
  findings.expect(tookMs <= ANSWER_MS_MAX, `${app}${path}: stopped too late: ${answer}`);
  findings.highest(`${app}${path}, longest, ms`, tookMs);
  const peak = Math.max(0, ...hostiles.all.map(({ pid, goneAt }) => (goneAt === null ? peakMiB(pid) : 0)));
  findings.highest('peak memory of a guest process, MiB', peak);
  findings.expect(peak <= PROCESS_MIB_MAX, `${app}${path}: a guest process took ${Math.round(peak)} MiB`);
  await waitUntil(`${app} to answer again`, RECOVERED_MS_MAX, bed.signal, async () => (await ask(bed, app, '/')).body === 'ok');
  findings.count('attacks');
}

async function ask(bed: TestBed, app: string, path: string): Promise<{ readonly status: number; readonly body: string }> {
  const door = bed.mesh.daemon(VALIDATORS[0] as string).addresses.ingress as string;
  const response = await fetch(`${door}/${app}${path}`, { signal: AbortSignal.any([bed.signal, AbortSignal.timeout(60_000)]) });
  return { status: response.status, body: await response.text() };
}

/** A neighbour on every node, so that each hostile guest has one beside it. */
async function spread({ user, signal }: TestBed): Promise<void> {
  const { mesh, account } = user;
  const change = { kind: 'app.scale', name: NEIGHBOUR, replicas: VALIDATORS.length, proof: null } as const;
  await orderSponsored(mesh, account, change, { signal, entropy: systemEntropy });
  await replicasReady(user, NEIGHBOUR, VALIDATORS.length, signal);
}

/** VmHWM of proc(5). */
function peakMiB(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/u.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}
