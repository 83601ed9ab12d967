import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { hypermeshError } from '@hypermesh/mesh';
import { catalogError } from '../errors.ts';
import { forkConfined } from './confined-process.ts';
import type { GuestAnswer, GuestBroken, GuestReady, GuestRequest, GuestSetup } from './guest-protocol.ts';
import type { GuestInput } from './guest-run.ts';

// Requests that a guest has or that wait for it; more are refused so that an ingress tries another replica.
export const QUEUE_MAX: number = 64;

// Bodies of those that wait: eight of the largest that an ingress takes.
export const QUEUE_BYTES_MAX: number = 64 * 1024 * 1024;

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

/** Starts a guest process, which may read its module. `late` is told of each answer that its caller did not wait for. */
export async function startGuestProcess(
  setup: GuestSetup,
  signal: AbortSignal,
  late: (result: GuestAnswer['result']) => void = () => undefined,
): Promise<GuestProcess> {
  const name = import.meta.url.endsWith('.ts') ? './guest.entry.ts' : './guest.entry.js';
  const child = forkConfined(new URL(name, import.meta.url), { readable: [setup.modulePath], heapMegabytes: HEAP_MEGABYTES });
  const guest = new Guest(child, late);
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
  readonly #late: (result: GuestAnswer['result']) => void;
  /** Not sent yet, oldest first: the guest has one request at a time, so who cancels a waiting one leaves nothing behind. */
  readonly #waiting: PendingRequest[] = [];
  /** Sent. It keeps its place after a cancellation, until the guest has answered or its wall clock has ended it. */
  #running: PendingRequest | undefined;
  readonly #ready: Promise<void>;
  #nextId = 1;
  #lastWords = '';

  constructor(child: ChildProcess, late: (result: GuestAnswer['result']) => void) {
    this.#child = child;
    this.#late = late;
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
        for (const pending of [this.#running, ...this.#waiting.splice(0)]) {
          pending?.reject(hypermeshError('hypermesh.workload_failed', { exitCode, signal }));
        }
        this.#running = undefined;
      });
    });
    // Whoever waits sees the refusal; without a waiter it is the exit that counts.
    this.#ready.catch(() => undefined);
  }

  async ready(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<never>((_, reject) => {
      const giveUp = (): void => reject(catalogError('catalog.guest_failed', { reason: 'not ready in time' }));
      if (signal.aborted) giveUp();
      signal.addEventListener('abort', giveUp, { once: true });
    });
    try {
      await Promise.race([this.#ready, aborted]);
    } catch (error) {
      this.kill('SIGKILL');
      throw error;
    }
  }

  async run(input: GuestInput, signal: AbortSignal): Promise<GuestAnswer['result']> {
    if (signal.aborted) throw cancelled();
    if (!this.#child.connected) throw hypermeshError('hypermesh.workload_failed', { reason: 'the guest has ended' });
    this.#assertRoom(input);
    const { promise, resolve, reject } = Promise.withResolvers<GuestAnswer['result']>();
    const pending: PendingRequest = { id: this.#nextId++, input, signal, resolve, reject };
    const abandon = (): void => {
      const at = this.#waiting.indexOf(pending);
      if (at >= 0) this.#waiting.splice(at, 1);
      reject(cancelled());
    };
    signal.addEventListener('abort', abandon, { once: true });
    this.#waiting.push(pending);
    this.#sendNext();
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', abandon);
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  disconnect(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #assertRoom({ body }: GuestInput): void {
    const requests = this.#waiting.length + (this.#running === undefined ? 0 : 1);
    const bytes = this.#waiting.reduce((sum, { input }) => sum + input.body.length, body.length);
    if (requests >= QUEUE_MAX) throw hypermeshError('hypermesh.workload_limit', { limit: 'queue', max: QUEUE_MAX });
    if (bytes > QUEUE_BYTES_MAX) throw hypermeshError('hypermesh.workload_limit', { limit: 'queue', bytesMax: QUEUE_BYTES_MAX });
  }

  #sendNext(): void {
    if (this.#running !== undefined || !this.#child.connected) return;
    this.#running = this.#waiting.shift();
    if (this.#running === undefined) return;
    const { id, input } = this.#running;
    // A guest that has ended meanwhile is seen by its exit.
    this.#child.send({ kind: 'request', id, input } satisfies GuestRequest, () => undefined);
  }

  #settle(answer: GuestAnswer): void {
    if (this.#running?.id !== answer.id) return;
    if (this.#running.signal.aborted) this.#late(answer.result);
    else this.#running.resolve(answer.result);
    this.#running = undefined;
    this.#sendNext();
  }
}

interface PendingRequest {
  readonly id: number;
  readonly input: GuestInput;
  readonly signal: AbortSignal;
  resolve(result: GuestAnswer['result']): void;
  reject(error: unknown): void;
}

function cancelled(): ReturnType<typeof hypermeshError> {
  return hypermeshError('hypermesh.workload_timeout', { cancelled: true });
}
