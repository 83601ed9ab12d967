import { setTimeout as pause } from 'node:timers/promises';
import { CodedError } from '@hypermesh/stoq';
import { describe, type Findings } from '../findings.ts';
import type { Attempt, Task, TaskName } from './task.ts';

// One try; after that the same work is submitted again, as a patient client does.
const ATTEMPT_MS_MAX = 20_000;
// Work that takes longer than any restart, view change or lease is lost.
const WORK_MS_MAX = 120_000;
const RETRY_MS = 250;

/** Does all kinds of work side by side, each piece again and again until it is acknowledged. */
export class Writer {
  readonly #tasks: readonly Task[];
  readonly #findings: Findings;
  readonly #signal: AbortSignal;
  readonly #done = new Map<TaskName, number>();
  readonly #problems = new Map<TaskName, string>();
  #pausing = true;
  #loops: Promise<unknown> = Promise.resolve();

  constructor(tasks: readonly Task[], findings: Findings, signal: AbortSignal) {
    this.#tasks = tasks;
    this.#findings = findings;
    this.#signal = signal;
  }

  resume(): void {
    this.#pausing = false;
    this.#loops = Promise.all(this.#tasks.map((task) => this.#loop(task)));
  }

  /** Resolves when everything that was begun has been acknowledged. */
  async pause(): Promise<void> {
    this.#pausing = true;
    await this.#loops;
  }

  /** Waits until every kind of work has been acknowledged once more; the names of those that were not in time. */
  async progress(timeoutMs: number): Promise<readonly string[]> {
    const before = new Map(this.#done);
    const deadline = AbortSignal.timeout(timeoutMs);
    const lacking = (): Task[] => this.#tasks.filter(({ name }) => (this.#done.get(name) ?? 0) <= (before.get(name) ?? 0));
    while (lacking().length > 0 && !deadline.aborted) await pause(50, undefined, { signal: this.#signal });
    return lacking().map(({ name }) => `${name} (${this.#problems.get(name) ?? 'no answer yet'})`);
  }

  async #loop(task: Task): Promise<void> {
    while (!this.#pausing && !this.#signal.aborted) {
      await this.#work(task, task.next());
      await pause(task.intervalMs, undefined, { signal: this.#signal }).catch(() => undefined);
    }
  }

  async #work({ name }: Task, attempt: Attempt): Promise<void> {
    const startedAt = performance.now();
    while (!this.#signal.aborted) {
      try {
        await attempt(AbortSignal.any([this.#signal, AbortSignal.timeout(ATTEMPT_MS_MAX)]));
        this.#done.set(name, (this.#done.get(name) ?? 0) + 1);
        this.#problems.delete(name);
        this.#findings.count(`acknowledged ${name}`);
        this.#findings.highest('longest wait for an acknowledgement, ms', performance.now() - startedAt);
        return;
      } catch (error) {
        this.#problems.set(name, describe(error));
        this.#findings.count(`attempts repeated after ${codeOf(error)}`);
        if (performance.now() - startedAt > WORK_MS_MAX) {
          this.#findings.violation(`${name}: not acknowledged within ${WORK_MS_MAX} ms: ${describe(error)}`);
          return;
        }
        await pause(RETRY_MS);
      }
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof CodedError ? error.code : 'an unknown failure';
}
