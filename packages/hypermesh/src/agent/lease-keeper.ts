import { type Clock, decode } from '@hypermesh/stoq';
import { heldLease, leaseGrantCodec, readLease } from '../mesh-machine/lease.ts';
import { readNode } from '../mesh-machine/node.ts';
import { readParameters } from '../mesh-machine/parameters.ts';
import type { BootClock } from './boot-clock.ts';
import type { LeaseDeadline } from './desired.ts';
import type { MeshSource, SubmitOperations } from './mesh-source.ts';

// Renewals a lease: two may be lost.
const TICKS_PER_LEASE = 3;

// Difference in rate between this clock and the agreed time over one lease (1 %), and the watchdog's step and kill (100 ms).
// That agreed time may be off by 2 s on either side is the mesh's margin before an exclusive restart elsewhere.
const DRIFT_SHARE = 0.01;
const KILL_MS = 100;

export interface LeaseKeeperComponents {
  readonly node: Uint8Array;
  readonly source: MeshSource;
  readonly submit: SubmitOperations;
  readonly clock: Clock;
  readonly bootClock: BootClock;
  /** Told of each renewal that did not succeed; the next tick tries again. */
  readonly onFailure: (error: unknown) => void;
}

/** Keeps this node's lease renewed on the tick that all nodes share, so that their renewals share one block. */
export interface LeaseKeeper {
  start(): void;
  stop(): Promise<void>;
  /** Null before the first grant and after the deadline. */
  lease(): LeaseDeadline | null;
}

export function createLeaseKeeper(components: LeaseKeeperComponents): LeaseKeeper {
  return new TickingLeaseKeeper(components);
}

/** Boot time until which a lease surely holds that was asked for at `sentAt`. */
export function deadlineOf(sentAt: number, leaseMs: number): number {
  return sentAt + leaseMs - Math.ceil(leaseMs * DRIFT_SHARE) - KILL_MS;
}

class TickingLeaseKeeper implements LeaseKeeper {
  readonly #components: LeaseKeeperComponents;
  readonly #stopped = new AbortController();
  #granted: LeaseDeadline | null = null;
  #renewal: Promise<void> | undefined;
  #cancelTick: () => void = () => undefined;

  constructor(components: LeaseKeeperComponents) {
    this.#components = components;
  }

  start(): void {
    this.#tick();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#cancelTick();
    await this.#renewal;
  }

  lease(): LeaseDeadline | null {
    const { source, node, bootClock } = this.#components;
    if (this.#granted === null || bootClock() >= this.#granted.deadline) return null;
    // Another lease number in agreed state: this one is over, whatever its time.
    const known = readLease(source.state(), node);
    return known !== undefined && known.number > this.#granted.number ? null : this.#granted;
  }

  #tick(): void {
    if (this.#stopped.signal.aborted) return;
    const { clock, source } = this.#components;
    const { leaseMs } = readParameters(source.state());
    this.#renewal ??= this.#renew(leaseMs).finally(() => {
      this.#renewal = undefined;
    });
    const intervalMs = Math.floor(leaseMs / TICKS_PER_LEASE);
    this.#cancelTick = clock.after(intervalMs - (clock.now() % intervalMs), () => this.#tick());
  }

  async #renew(leaseMs: number): Promise<void> {
    const { node, source, submit, bootClock, onFailure } = this.#components;
    // A node that has not described itself has nothing to run.
    if (readNode(source.state(), node) === undefined) return;
    const sentAt = bootClock();
    try {
      const lease = heldLease(source.state(), node)?.number ?? null;
      const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(leaseMs)]);
      const [result] = await submit([{ kind: 'lease.renew', lease }], signal);
      const { number } = decode(leaseGrantCodec, result as Uint8Array);
      this.#granted = { number, deadline: deadlineOf(sentAt, leaseMs) };
    } catch (error) {
      if (!this.#stopped.signal.aborted) onFailure(error);
    }
  }
}
