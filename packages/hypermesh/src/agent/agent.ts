import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import { STABLE_MS_MIN } from '../mesh-machine/limits.ts';
import type { RuntimeDriver, Workload } from '../runtime/driver.ts';
import { OutputLines } from '../runtime/output-lines.ts';
import type { BootClock } from './boot-clock.ts';
import type { DesiredPlacement, DesiredState, LeaseDeadline, PackageSource, PlacementReport } from './desired.ts';
import { codeOf, reasonOf, wordsOf } from './failure.ts';
import { becomesHealthy, becomesUnhealthy } from './health.ts';
import { LeaseGuard } from './lease-guard.ts';
import { type HeldPlacement, reconcile } from './reconcile.ts';

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
  /** A run did not start or was not healthy; one whose own program failed is among them. */
  readonly onFailure?: (id: string, error: unknown) => void;
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
  /** The last lines of what a placement printed, oldest first, also when it has failed; throws `hypermesh.workload_unknown`. */
  logs(id: string, linesMax: number): readonly string[];
  /** What runs or failed here. */
  placements(): readonly HeldPlacement[];
}

export function createAgent(components: AgentComponents): Agent {
  return new NodeAgent(components);
}

interface Held extends HeldPlacement {
  readonly placement: DesiredPlacement;
  /** Aborts the start and the health checks. */
  readonly aborted: AbortController;
  /** Settles when this run of the placement is over, its start included. */
  readonly over: Promise<void>;
  /** Of an exclusive placement. */
  readonly guard: LeaseGuard | undefined;
  /** Of all runs under this lease, and why each ended. */
  readonly output: OutputLines;
  readonly workload?: Workload;
}

type Run = Omit<Held, 'phase' | 'workload'>;

class NodeAgent implements Agent {
  readonly #components: AgentComponents;
  readonly #held = new Map<string, Held>();
  readonly #running = new Set<Promise<void>>();
  /** Placements that were reported as stopped since the mesh began to wait for them. */
  readonly #confirmed = new Set<string>();
  #unsubscribe: () => void = () => undefined;
  #cancelTick: () => void = () => undefined;
  #stopped = true;
  /** Boot time in milliseconds until which the newest known lease holds. */
  #deadline = 0;

  constructor(components: AgentComponents) {
    this.#components = components;
  }

  async start(): Promise<void> {
    await this.#reclaimAll();
    this.#stopped = false;
    this.#unsubscribe = this.#components.desired.onChange(() => this.#reconcile());
    this.#tick();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    this.#cancelTick();
    for (const id of [...this.#held.keys()]) this.#track(this.#stop(id));
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  workload(id: string, lease: number): Workload {
    const held = this.#held.get(id);
    if (held?.workload === undefined || held.phase !== 'running') throw hypermeshError('hypermesh.workload_unknown', { id });
    if (held.lease !== lease) throw hypermeshError('hypermesh.lease_stale', { id, lease: held.lease });
    return held.workload;
  }

  logs(id: string, linesMax: number): readonly string[] {
    const held = this.#held.get(id);
    if (held === undefined) throw hypermeshError('hypermesh.workload_unknown', { id });
    return held.output.last(linesMax);
  }

  placements(): readonly HeldPlacement[] {
    return [...this.#held.values()].map(({ id, lease, phase, failures, since }) => ({ id, lease, phase, failures, since }));
  }

  #tick(): void {
    this.#reconcile();
    if (!this.#stopped) this.#cancelTick = this.#components.clock.after(TICK_MS, () => this.#tick());
  }

  #reconcile(): void {
    if (this.#stopped) return;
    const { desired, bootClock, clock } = this.#components;
    const lease = desired.lease();
    if (lease !== null && lease.deadline !== this.#deadline) this.#extend(lease);
    const leaseHolds = (number: number): boolean => number === lease?.number && bootClock() + LEASE_LEFT_MS_MIN < lease.deadline;
    for (const action of reconcile(desired.placements(), [...this.#held.values()], clock.monotonic(), leaseHolds)) {
      if (action.kind === 'stop') this.#track(this.#stop(action.id));
      else this.#begin(action.placement, action.failures);
    }
    this.#confirmStopped();
  }

  /** A new agent runs nothing: whatever an earlier one left behind ends before anything starts. */
  async #reclaimAll(): Promise<void> {
    const { drivers, stateDirectory } = this.#components;
    await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
    const entries = await readdir(stateDirectory, { withFileTypes: true });
    const homes = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    for (const driver of drivers) {
      if (!(await driver.status()).available) continue;
      for (const home of homes) await driver.reclaim(join(stateDirectory, home));
    }
  }

  /** What the mesh waits for and this agent does not hold has stopped. */
  #confirmStopped(): void {
    const closing = this.#components.desired.closing();
    for (const { id, lease } of closing) {
      if (this.#held.has(id) || this.#confirmed.has(id)) continue;
      this.#confirmed.add(id);
      this.#components.report({ id, lease, state: 'stopped', reason: '' });
    }
    for (const id of this.#confirmed) if (!closing.some((placement) => placement.id === id)) this.#confirmed.delete(id);
  }

  /** A renewed lease carries only what runs under its number. */
  #extend({ number, deadline }: LeaseDeadline): void {
    this.#deadline = deadline;
    for (const { guard, lease, phase } of this.#held.values()) if (lease === number && phase !== 'failed') guard?.extend(deadline);
  }

  #begin(placement: DesiredPlacement, failures: number): void {
    const { id, lease } = placement;
    const aborted = new AbortController();
    const guard = placement.exclusive ? new LeaseGuard(this.#components, this.#deadline) : undefined;
    // Begins in a later turn, when the placement is held.
    const over = Promise.resolve().then(() => this.#live(run));
    const output = this.#held.get(id)?.output ?? new OutputLines();
    const run: Run = { id, lease, placement, aborted, guard, over, output, failures, since: this.#components.clock.monotonic() };
    this.#held.set(id, { ...run, phase: 'starting' });
    this.#report(placement, 'starting', '');
    this.#track(over);
  }

  /** One run of a placement, from the fetch to its end. */
  async #live(run: Run): Promise<void> {
    const { placement, aborted, guard } = run;
    const { clock } = this.#components;
    const signal = guard === undefined ? aborted.signal : AbortSignal.any([aborted.signal, guard.lapsed]);
    let workload: Workload | undefined;
    try {
      workload = await this.#launch(run, signal);
      if (guard !== undefined) await this.#bind(workload, guard);
      if (placement.health !== null) await becomesHealthy(workload, placement.health, clock, signal);
      if (signal.aborted) throw hypermeshError('hypermesh.workload_failed', { reason: 'stopped while it started' });
      this.#held.set(run.id, { ...run, phase: 'running', since: clock.monotonic(), workload });
      this.#report(placement, 'ready', '');
      this.#fail(run, await this.#endOf(workload, run));
    } catch (error) {
      // What it ran ends before the next run begins; a driver that cannot end it says so in its next start.
      await workload?.stop({ graceMs: 0 }).catch(() => undefined);
      if (!signal.aborted) this.#components.onFailure?.(run.id, error);
      this.#fail(run, codeOf(error), wordsOf(error));
    } finally {
      guard?.release();
    }
  }

  /** Waits until the workload has ended by itself, or ends it when it no longer answers; answers why. */
  async #endOf(workload: Workload, { placement, aborted }: Run): Promise<string> {
    if (placement.health === null) return reasonOf(await workload.ended);
    const watching = new AbortController();
    const unhealthy = becomesUnhealthy(
      workload,
      placement.health,
      this.#components.clock,
      AbortSignal.any([watching.signal, aborted.signal]),
    );
    const first = await Promise.race([workload.ended, unhealthy]);
    watching.abort();
    if (first !== undefined || aborted.signal.aborted) return reasonOf(await workload.ended);
    await workload.stop({ graceMs: STOP_GRACE_MS });
    return 'hypermesh.workload_unhealthy';
  }

  async #launch({ placement, guard, output }: Run, signal: AbortSignal): Promise<Workload> {
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
      // A watchdog that does not start ends the run by its guard.
      { signal, output, spawned: (pids) => void guard?.watch(pids).catch(() => undefined) },
    );
  }

  /** Ends the workload with its guard. */
  async #bind(workload: Workload, guard: LeaseGuard): Promise<void> {
    guard.lapsed.addEventListener('abort', () => this.#track(workload.stop({ graceMs: 0 })), { once: true });
    await guard.watch(workload.pids);
  }

  /** A run that ended although nobody asked for it: it is tried again. */
  #fail(run: Run, reason: string, words: string = reason): void {
    if (run.aborted.signal.aborted || this.#stopped) return;
    run.output.add(`ended: ${run.guard?.isExpired === true ? 'the lease of the node ran out' : words}`);
    const now = this.#components.clock.monotonic();
    const held = this.#held.get(run.id);
    const wasStable = held?.phase === 'running' && now - held.since >= STABLE_MS_MIN;
    this.#held.set(run.id, { ...run, phase: 'failed', failures: wasStable ? 1 : run.failures + 1, since: now });
    this.#report(run.placement, 'failed', reason);
  }

  async #stop(id: string): Promise<void> {
    const held = this.#held.get(id);
    if (held === undefined || held.phase === 'stopping') return;
    held.aborted.abort();
    this.#held.set(id, { ...held, phase: 'stopping' });
    await held.workload?.stop({ graceMs: STOP_GRACE_MS });
    // A start under way ends by its signal; the next run of this placement uses the same directory.
    await held.over;
    this.#held.delete(id);
    this.#confirmed.add(id);
    this.#report(held.placement, 'stopped', '');
    this.#reconcile();
  }

  #report(placement: DesiredPlacement, state: PlacementReport['state'], reason: string): void {
    this.#components.report({ id: placement.id, lease: placement.lease, state, reason });
  }

  /** Remembers work under way, so that `stop` waits for it. */
  #track(work: Promise<unknown>): void {
    const settled: Promise<void> = work
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => this.#running.delete(settled));
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
