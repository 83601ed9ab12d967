import type { Clock } from '@hypermesh/stoq';
import type { BootClock } from './boot-clock.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

export interface LeaseGuardComponents {
  readonly clock: Clock;
  readonly bootClock: BootClock;
}

/** Holds one run of an exclusive workload to its lease: from here until it has processes, by a watchdog from then on. */
export class LeaseGuard {
  readonly #components: LeaseGuardComponents;
  readonly #lapsed = new AbortController();
  #deadline: number;
  #watchdog: Promise<Watchdog> | undefined;
  #cancel: () => void = () => undefined;

  /** `deadline`: boot time in milliseconds. */
  constructor(components: LeaseGuardComponents, deadline: number) {
    this.#components = components;
    this.#deadline = deadline;
    this.#arm();
  }

  /** Aborts at the deadline, and when no watchdog guards the processes: the run ends at once. */
  get lapsed(): AbortSignal {
    return this.#lapsed.signal;
  }

  /** Whether the deadline has passed; whoever ends the run for it may be this guard or the watchdog. */
  get isExpired(): boolean {
    return this.#components.bootClock() >= this.#deadline;
  }

  /**
   * Puts the processes under a watchdog, which outlives this process from the moment of the call; resolves when it has answered.
   * Later calls wait for the same one. Throws `hypermesh.workload_failed`.
   */
  async watch(pids: readonly number[]): Promise<void> {
    this.#watchdog ??= this.#start(pids);
    await this.#watchdog;
  }

  /** Deadlines only move forward. */
  extend(deadline: number): void {
    if (deadline <= this.#deadline) return;
    this.#deadline = deadline;
    this.#arm();
    this.#watchdog?.then((watchdog) => watchdog.extend(deadline)).catch(() => this.#lapsed.abort());
  }

  /** The run is over. */
  release(): void {
    this.#cancel();
  }

  async #start(pids: readonly number[]): Promise<Watchdog> {
    try {
      const watchdog = await startWatchdog(pids, this.#deadline);
      void watchdog.ended.then(() => this.#lapsed.abort());
      return watchdog;
    } catch (error) {
      this.#lapsed.abort();
      throw error;
    }
  }

  #arm(): void {
    this.#cancel();
    const { clock, bootClock } = this.#components;
    const leftMs = this.#deadline - bootClock();
    if (leftMs <= 0) this.#lapsed.abort();
    else this.#cancel = clock.after(leftMs, () => this.#arm());
  }
}
