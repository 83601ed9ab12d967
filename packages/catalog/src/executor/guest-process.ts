import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { hypermeshError } from '@hypermesh/mesh';
import { catalogError } from '../errors.ts';
import { forkConfined } from './confined-process.ts';
import type { GuestAnswer, GuestBroken, GuestReady, GuestSetup } from './guest-protocol.ts';
import type { GuestInput } from './guest-run.ts';

// Requests that wait for the one guest thread; more are refused so that an ingress tries another replica.
export const QUEUE_MAX: number = 64;

// A start that takes longer than this has failed: Node starts in 50 ms, a large module compiles in a second.
export const START_MS_MAX: number = 15_000;

export interface GuestProcess {
  readonly pid: number;
  run(input: GuestInput, signal: AbortSignal): Promise<GuestAnswer['result']>;
  readonly ended: Promise<{ readonly exitCode: number | null; readonly signal: NodeJS.Signals | null }>;
  kill(signal: NodeJS.Signals): void;
  /** Closes the channel: the guest process ends by itself. */
  disconnect(): void;
}

// The supervisor of a guest holds one request and one answer.
const HEAP_MEGABYTES = 96;

/** Starts a guest process, which may read its module. */
export async function startGuestProcess(setup: GuestSetup, signal: AbortSignal): Promise<GuestProcess> {
  const child = forkConfined('guest', { readable: [setup.modulePath], heapMegabytes: HEAP_MEGABYTES });
  const guest = new Guest(child);
  child.send(setup);
  await guest.ready(AbortSignal.any([signal, AbortSignal.timeout(START_MS_MAX)]));
  return guest;
}

/** Start time of a process in clock ticks since boot: with the pid it names one process for ever (proc(5), field 22). */
export function startTimeOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[19];
  } catch {
    return undefined;
  }
}

class Guest implements GuestProcess {
  readonly pid: number;
  readonly ended: GuestProcess['ended'];
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, { resolve(result: GuestAnswer['result']): void; reject(error: unknown): void }>();
  readonly #ready: Promise<void>;
  #nextId = 1;
  #lastWords = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-2_000);
    });
    this.ended = new Promise((resolve) => {
      child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
      child.once('error', () => resolve({ exitCode: null, signal: null }));
    });
    this.#ready = new Promise((resolve, reject) => {
      child.on('message', (message: GuestReady | GuestAnswer | GuestBroken) => {
        if (message.kind === 'ready') resolve();
        else if (message.kind === 'broken') reject(catalogError('catalog.guest_failed', { reason: message.reason }));
        else this.#settle(message);
      });
      void this.ended.then(({ exitCode, signal }) => {
        reject(catalogError('catalog.guest_failed', { exitCode, signal, stderr: this.#lastWords }));
        for (const pending of this.#pending.values()) pending.reject(hypermeshError('hypermesh.workload_failed', { exitCode, signal }));
        this.#pending.clear();
      });
    });
    // Whoever waits sees the refusal; without a waiter it is the exit that counts.
    this.#ready.catch(() => undefined);
  }

  async ready(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(catalogError('catalog.guest_failed', { reason: 'not ready in time' })), { once: true });
    });
    try {
      await Promise.race([this.#ready, aborted]);
    } catch (error) {
      this.kill('SIGKILL');
      throw error;
    }
  }

  run(input: GuestInput, signal: AbortSignal): Promise<GuestAnswer['result']> {
    if (this.#pending.size >= QUEUE_MAX) {
      return Promise.reject(hypermeshError('hypermesh.workload_limit', { limit: 'queue', max: QUEUE_MAX }));
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const abandon = (): void => {
        if (this.#pending.delete(id)) reject(hypermeshError('hypermesh.workload_timeout', { cancelled: true }));
      };
      if (signal.aborted) {
        reject(hypermeshError('hypermesh.workload_timeout', { cancelled: true }));
        return;
      }
      signal.addEventListener('abort', abandon, { once: true });
      const settle =
        <T>(done: (value: T) => void) =>
        (value: T): void => {
          signal.removeEventListener('abort', abandon);
          done(value);
        };
      this.#pending.set(id, { resolve: settle(resolve), reject: settle(reject) });
      if (this.#child.connected) this.#child.send({ kind: 'request', id, input });
      else abandon();
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  disconnect(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #settle(answer: GuestAnswer): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    pending?.resolve(answer.result);
  }
}
