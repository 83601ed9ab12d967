import { readdirSync, readFileSync } from 'node:fs';
import { bootClock, processStartTime } from '@hypermesh/mesh';
import type { Presence } from './timeline.ts';

/** A guest process as /proc shows it; times in milliseconds since boot. */
export interface GuestProcess {
  readonly pid: number;
  readonly node: string;
  readonly placement: string;
  readonly startedAt: number;
  /** When it was last seen alive. */
  readonly seenAt: number;
  /** Null while it lives. */
  readonly goneAt: number | null;
}

// Fine against the second within which a lease and its margin must hold.
const SAMPLE_MS = 15;
// A forked process shows its parent's command line until it has loaded its own program.
const LOOKS_MAX = 40;
// proc(5): start times are in clock ticks of 10 ms on every Linux platform of Node.js.
const TICK_MS = 10;

/** Watches /proc for the guest processes of one app in the mesh of a directory. */
export class GuestProcesses implements Disposable {
  readonly #pattern: RegExp;
  readonly #looks = new Map<number, number>();
  readonly #guests = new Map<string, GuestProcess>();
  readonly #timer: NodeJS.Timeout;

  constructor(directory: string, app: string) {
    const escaped = directory.replaceAll(/[.*+?^${}()|[\]\\]/gu, String.raw`\$&`);
    this.#pattern = new RegExp(`=${escaped}/nodes/([^/]+)/data/hypermesh/workloads/(${app}-\\d+)/module\\.wasm`, 'u');
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  get all(): readonly GuestProcess[] {
    return [...this.#guests.values()];
  }

  presences(): readonly Presence[] {
    return this.all.map(({ pid, node, placement, startedAt, seenAt }) => {
      return { instance: `process ${pid} of ${placement} on ${node}`, from: startedAt, to: seenAt };
    });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    this.#discover();
    for (const [key, guest] of this.#guests) {
      if (guest.goneAt !== null) continue;
      // The clock is read first: what is alive afterwards was alive then.
      const now = bootClock();
      const alive = key === `${guest.pid} ${processStartTime(guest.pid)}`;
      this.#guests.set(key, alive ? { ...guest, seenAt: now } : { ...guest, goneAt: bootClock() });
    }
  }

  #discover(): void {
    const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
    const present = new Set(pids);
    for (const pid of this.#looks.keys()) if (!present.has(pid)) this.#looks.delete(pid);
    for (const pid of pids) {
      const looks = this.#looks.get(pid) ?? 0;
      if (looks >= LOOKS_MAX) continue;
      this.#looks.set(pid, looks + 1);
      const [, node, placement] = this.#pattern.exec(commandLine(pid)) ?? [];
      const startTime = processStartTime(pid);
      if (node === undefined || placement === undefined || startTime === undefined) continue;
      this.#looks.set(pid, LOOKS_MAX);
      const startedAt = Number(startTime) * TICK_MS;
      this.#guests.set(`${pid} ${startTime}`, { pid, node, placement, startedAt, seenAt: startedAt, goneAt: null });
    }
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It has ended.
    return '';
  }
}
