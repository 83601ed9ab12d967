import { join } from 'node:path';
import { type Clock, CodedError } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { RuntimeDriver, Workload } from '../runtime/driver.ts';
import type { BootClock } from './boot-clock.ts';
import type { DesiredPlacement, DesiredState, PackageSource, PlacementReport } from './desired.ts';
import { type HeldPlacement, reconcile } from './reconcile.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

// The look at what is desired when no change was announced: restarts that wait, leases that ran out.
const TICK_MS = 500;

// A guest that does not end by itself is killed.
const STOP_GRACE_MS = 3_000;

// An exclusive workload is not started on a lease that is about to end.
const LEASE_LEFT_MS_MIN = 1_000;

export interface AgentComponents {
  readonly desired: DesiredState;
  readonly packages: PackageSource;
  readonly drivers: readonly RuntimeDriver[];
  readonly clock: Clock;
  readonly bootClock: BootClock;
  /** Hands a change of a placement to whoever reports it to the mesh. */
  readonly report: (report: PlacementReport) => void;
  /** Directory that this agent owns. */
  readonly stateDirectory: string;
}

/** Keeps this node running what the agreed state gives to it. */
export interface Agent {
  start(): Promise<void>;
  /** Stops every workload. */
  stop(): Promise<void>;
  /** The running workload of a placement; throws `hypermesh.workload_unknown`, `hypermesh.lease_stale`. */
  workload(id: string, lease: number): Workload;
  /** What runs or failed here. */
  placements(): readonly HeldPlacement[];
}

export function createAgent(components: AgentComponents): Agent {
  return new NodeAgent(components);
}

interface Held extends HeldPlacement {
  readonly placement: DesiredPlacement;
  readonly aborted: AbortController;
  readonly workload?: Workload;
  readonly watchdog?: Watchdog;
}

class NodeAgent implements Agent {
  readonly #components: AgentComponents;
  readonly #held = new Map<string, Held>();
  readonly #running = new Set<Promise<void>>();
  #unsubscribe: () => void = () => undefined;
  #cancelTick: () => void = () => undefined;
  #stopped = true;
  #deadline: number | null = null;

  constructor(components: AgentComponents) {
    this.#components = components;
  }

  start(): Promise<void> {
    this.#stopped = false;
    this.#unsubscribe = this.#components.desired.onChange(() => this.#reconcile());
    this.#tick();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    this.#cancelTick();
    for (const id of [...this.#held.keys()]) this.#run(this.#stop(id));
    await Promise.all(this.#running);
  }

  workload(id: string, lease: number): Workload {
    const held = this.#held.get(id);
    if (held?.workload === undefined || held.phase !== 'running') throw hypermeshError('hypermesh.workload_unknown', { id });
    if (held.lease !== lease) throw hypermeshError('hypermesh.lease_stale', { id, lease: held.lease });
    return held.workload;
  }

  placements(): readonly HeldPlacement[] {
    return [...this.#held.values()].map(({ id, lease, phase, failures, failedAt }) => ({ id, lease, phase, failures, failedAt }));
  }

  #tick(): void {
    this.#reconcile();
    if (!this.#stopped) this.#cancelTick = this.#components.clock.after(TICK_MS, () => this.#tick());
  }

  #reconcile(): void {
    if (this.#stopped) return;
    const { desired, bootClock, clock } = this.#components;
    const deadline = desired.leaseDeadline();
    const leaseHolds = deadline !== null && bootClock() + LEASE_LEFT_MS_MIN < deadline;
    if (deadline !== null && deadline !== this.#deadline) this.#extend(deadline);
    for (const action of reconcile(desired.placements(), [...this.#held.values()], clock.monotonic(), leaseHolds)) {
      if (action.kind === 'stop') this.#run(this.#stop(action.id));
      else this.#run(this.#start(action.placement, action.failures));
    }
  }

  #extend(deadline: number): void {
    this.#deadline = deadline;
    for (const { watchdog, id } of this.#held.values()) {
      if (watchdog !== undefined) this.#run(watchdog.extend(deadline).catch(() => this.#stop(id)));
    }
  }

  async #start(placement: DesiredPlacement, failures: number): Promise<void> {
    const { id, lease } = placement;
    const aborted = new AbortController();
    const base = { id, lease, placement, aborted, failures, failedAt: 0 };
    this.#held.set(id, { ...base, phase: 'starting' });
    this.#report(placement, 'starting', '');
    let workload: Workload | undefined;
    try {
      workload = await this.#launch(placement, aborted.signal);
      const watchdog = placement.exclusive ? await this.#guard(workload) : undefined;
      if (aborted.signal.aborted) throw hypermeshError('hypermesh.workload_failed', { reason: 'stopped while it started' });
      this.#held.set(id, { ...base, phase: 'running', workload, ...(watchdog === undefined ? {} : { watchdog }) });
      this.#report(placement, 'ready', '');
    } catch (error) {
      await workload?.stop({ graceMs: 0 });
      this.#fail(base, codeOf(error));
      return;
    }
    const lost = await workload.ended;
    if (this.#held.get(id)?.workload === workload && this.#held.get(id)?.phase === 'running') {
      this.#fail(base, lost.state === 'exited' ? lost.reason : 'exit');
    }
  }

  async #launch(placement: DesiredPlacement, signal: AbortSignal): Promise<Workload> {
    const { packages, drivers, stateDirectory } = this.#components;
    const fetched = await packages.fetch(placement, signal);
    const driver = await driverFor(fetched.kind, drivers);
    const home = join(stateDirectory, placement.id);
    await driver.reclaim(home);
    return driver.start(
      {
        id: placement.id,
        lease: placement.lease,
        packageDirectory: fetched.directory,
        entry: fetched.entry,
        args: placement.args,
        env: placement.env,
        limits: placement.limits,
        stateDirectory: home,
      },
      { signal },
    );
  }

  async #guard(workload: Workload): Promise<Watchdog> {
    const deadline = this.#components.desired.leaseDeadline();
    if (deadline === null) throw hypermeshError('hypermesh.lease_stale', { id: workload.id });
    const watchdog = await startWatchdog(workload.pids, deadline);
    // Without its watchdog an exclusive workload must not run.
    void watchdog.ended.then(() => this.#run(workload.stop({ graceMs: 0 })));
    return watchdog;
  }

  #fail(base: Omit<Held, 'phase'>, reason: string): void {
    if (base.aborted.signal.aborted || this.#stopped) return;
    this.#held.set(base.id, { ...base, phase: 'failed', failures: base.failures + 1, failedAt: this.#components.clock.monotonic() });
    this.#report(base.placement, 'failed', reason);
  }

  async #stop(id: string): Promise<void> {
    const held = this.#held.get(id);
    if (held === undefined || held.phase === 'stopping') return;
    held.aborted.abort();
    this.#held.set(id, { ...held, phase: 'stopping' });
    await held.workload?.stop({ graceMs: STOP_GRACE_MS });
    this.#held.delete(id);
    this.#report(held.placement, 'stopped', '');
    this.#reconcile();
  }

  #report(placement: DesiredPlacement, state: PlacementReport['state'], reason: string): void {
    this.#components.report({ id: placement.id, lease: placement.lease, state, reason });
  }

  /** Remembers work under way, so that `stop` waits for it. */
  #run(work: Promise<void>): void {
    const settled: Promise<void> = work.catch(() => undefined).finally(() => this.#running.delete(settled));
    this.#running.add(settled);
  }
}

async function driverFor(kind: string, drivers: readonly RuntimeDriver[]): Promise<RuntimeDriver> {
  for (const driver of drivers) {
    const status = await driver.status();
    if (status.available && status.capabilities.packageKinds.includes(kind)) return driver;
  }
  throw hypermeshError('hypermesh.driver_unavailable', { kind });
}

function codeOf(error: unknown): string {
  return error instanceof CodedError ? error.code : 'hypermesh.workload_failed';
}
