import { createHash } from 'node:crypto';
import { mkdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { isAbsolute, join, normalize, resolve } from 'node:path';
import { getuid } from 'node:process';
import type { Clock } from '@hypermesh/stoq';
import { hypermeshError } from '../../errors.ts';
import type { DriverStatus, RuntimeDriver, StartOptions, Workload, WorkloadSpec } from '../driver.ts';
import { startBridge } from './bridge.ts';
import { bundleConfig } from './bundle.ts';
import { controlGroupVersion } from './control-group.ts';
import { OciWorkload } from './oci-workload.ts';
import { unpackLayer } from './root-file-system.ts';
import { OutputLines } from '../output-lines.ts';
import { createRunc, runcVersion } from './runc.ts';

// Unpacking happens before; a server that does not listen within this time is not coming.
export const CONTAINER_START_MS_MAX: number = 20_000;

const PID_POLL_MS = 10;
const END_MS_MAX = 1_000;

/** Runs packages of kind `container`, a root file system in a tar archive that serves HTTP on `PORT`, with `runc`. */
export function createOciDriver(components: { readonly clock: Clock }): RuntimeDriver {
  return {
    name: 'oci',
    status: ociStatus,
    start: (spec, options) => startContainer(spec, options, components.clock),
    async reclaim(stateDirectory) {
      const state = placesOf(stateDirectory);
      if (await exists(state.root)) await createRunc(state.root).delete(containerId(stateDirectory));
      await rm(state.bundle, { recursive: true, force: true });
    },
  };
}

async function ociStatus(): Promise<DriverStatus> {
  if (getuid?.() !== 0) return { available: false, reason: 'containers need root' };
  const version = await runcVersion().catch(() => undefined);
  if (version === undefined) return { available: false, reason: 'runc is not installed' };
  if ((await controlGroupVersion()) === undefined) return { available: false, reason: 'no control group limits memory here' };
  return {
    available: true,
    capabilities: {
      name: 'oci',
      isolation: 'container',
      packageKinds: ['container'],
      enforces: { memory: true, pids: true, cpu: true, fuel: false, wallClock: true },
    },
  };
}

async function startContainer(spec: WorkloadSpec, options: StartOptions, clock: Clock): Promise<Workload> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(CONTAINER_START_MS_MAX)]);
  if (signal.aborted) throw hypermeshError('hypermesh.workload_failed', { id: spec.id, reason: 'the start was given up' });
  const version = await controlGroupVersion();
  if (version === undefined) throw hypermeshError('hypermesh.driver_unavailable', { reason: 'no control group limits memory here' });
  if (spec.args.length === 0) throw hypermeshError('hypermesh.workload_failed', { reason: 'args must name the program to run' });
  const entry = normalize(spec.entry);
  if (isAbsolute(entry) || entry.startsWith('..'))
    throw hypermeshError('hypermesh.workload_failed', { reason: 'the entry leaves the package' });
  const places = placesOf(spec.stateDirectory);
  const id = containerId(spec.stateDirectory);
  const cgroupsPath = `/hypermesh/${id}`;
  await rm(places.bundle, { recursive: true, force: true });
  await mkdir(places.root, { recursive: true, mode: 0o700 });
  await unpackLayer(join(spec.packageDirectory, entry), join(places.bundle, 'rootfs'), signal);
  await writeFile(join(places.bundle, 'config.json'), JSON.stringify(bundleConfig(spec, cgroupsPath, version)), { mode: 0o600 });
  const hidden = [await realpath(spec.stateDirectory), resolve(spec.stateDirectory)];
  const runc = createRunc(places.root);
  const child = runc.run(id, places.bundle, places.pidFile);
  const output = options.output ?? new OutputLines();
  const workload = new OciWorkload({ spec, id, output, hidden, child, runc, cgroupsPath, version, places });
  try {
    const pid = await containerPid(places.pidFile, workload, signal, clock);
    options.spawned?.([pid]);
    const bridge = startBridge(pid, places.socket);
    workload.attach(pid, bridge);
    await Promise.race([
      bridge.ready.catch((error: unknown) => explained(error, workload, clock)),
      failedBefore(workload),
      aborted(signal),
    ]);
    return workload;
  } catch (error) {
    await workload.stop({ graceMs: 0 });
    throw error;
  }
}

interface OciPlaces {
  /** State of runc. */
  readonly root: string;
  readonly bundle: string;
  readonly pidFile: string;
  readonly socket: string;
}

function placesOf(stateDirectory: string): OciPlaces {
  return {
    root: join(stateDirectory, 'runc'),
    bundle: join(stateDirectory, 'bundle'),
    pidFile: join(stateDirectory, 'container.pid'),
    // Unix sockets have short names, state directories need not.
    socket: join('/run', `${containerId(stateDirectory)}.sock`),
  };
}

/** Runc allows few characters and few of them; the directory is unique on the machine. */
function containerId(stateDirectory: string): string {
  return `hypermesh-${createHash('sha256').update(stateDirectory).digest('hex').slice(0, 24)}`;
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function containerPid(pidFile: string, workload: OciWorkload, signal: AbortSignal, clock: Clock): Promise<number> {
  while (!signal.aborted) {
    const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
    if (pid > 0) return pid;
    if (workload.state().state === 'exited') break;
    await new Promise<void>((resolve) => clock.after(PID_POLL_MS, resolve));
  }
  throw hypermeshError('hypermesh.workload_failed', { reason: 'the container did not start' });
}

async function failedBefore(workload: OciWorkload): Promise<never> {
  const ended = await workload.ended;
  const reason = ended.state === 'exited' ? ended.reason : 'exit';
  throw hypermeshError('hypermesh.workload_failed', { reason: `it ended before it served (${reason})` });
}

/** A way in that fails mostly means that the container has just ended: its end says more. */
async function explained(error: unknown, workload: OciWorkload, clock: Clock): Promise<never> {
  const patience = new Promise<void>((resolve) => clock.after(END_MS_MAX, resolve));
  await Promise.race([workload.ended, patience]);
  if (workload.state().state === 'exited') return failedBefore(workload);
  throw error;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const give = (): void => reject(hypermeshError('hypermesh.workload_failed', { reason: 'it did not serve in time' }));
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });
}
