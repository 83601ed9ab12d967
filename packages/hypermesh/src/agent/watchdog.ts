import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { hypermeshError } from '../errors.ts';
import { processStartTime } from './boot-clock.ts';

export interface Watchdog {
  readonly pid: number;
  /** Boot time in milliseconds up to which the workload may run; resolves when the watchdog has taken it. */
  extend(deadline: number): Promise<void>;
  /** Settles when the watchdog has ended. */
  readonly ended: Promise<void>;
}

// A watchdog that does not answer within this time is as good as none.
const ANSWER_MS_MAX = 5_000;

/**
 * Starts the process that kills `pids` at the deadline. It has a session of its own, so that no signal to the agent's group
 * reaches it, and it outlives the agent.
 */
export async function startWatchdog(pids: readonly number[], deadline: number): Promise<Watchdog> {
  const processes = pids.map((pid) => ({ pid, startTime: processStartTime(pid) }));
  if (processes.some(({ startTime }) => startTime === undefined))
    throw hypermeshError('hypermesh.workload_failed', { reason: 'ended before it was guarded' });
  const fromSource = import.meta.url.endsWith('.ts');
  const entry = fileURLToPath(new URL(fromSource ? './watchdog.entry.ts' : './watchdog.entry.js', import.meta.url));
  const condition = fromSource ? ['--conditions=@hypermesh/source'] : [];
  const child = spawn(process.execPath, [...condition, '--disable-warning=ExperimentalWarning', entry], {
    detached: true,
    env: {},
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const watchdog = new ProcessWatchdog(child, processes as Guarded[]);
  await watchdog.extend(deadline);
  return watchdog;
}

interface Guarded {
  readonly pid: number;
  readonly startTime: string;
}

class ProcessWatchdog implements Watchdog {
  readonly pid: number;
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #processes: readonly Guarded[];
  readonly #waiting: { readonly deadline: number; taken(): void }[] = [];

  constructor(child: ChildProcess, processes: readonly Guarded[]) {
    this.#child = child;
    this.#processes = processes;
    this.pid = child.pid ?? 0;
    this.ended = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    child.stdin?.on('error', () => undefined);
    if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', (line) => this.#taken(Number(line)));
    child.unref();
  }

  async extend(deadline: number): Promise<void> {
    const answered = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(hypermeshError('hypermesh.workload_failed', { reason: 'the watchdog does not answer' })),
        ANSWER_MS_MAX,
      );
      this.#waiting.push({
        deadline,
        taken: () => {
          clearTimeout(timer);
          resolve();
        },
      });
      void this.ended.then(() => {
        clearTimeout(timer);
        reject(hypermeshError('hypermesh.workload_failed', { reason: 'the watchdog ended' }));
      });
    });
    this.#child.stdin?.write(`${JSON.stringify({ deadline, processes: this.#processes })}\n`);
    await answered;
  }

  #taken(deadline: number): void {
    while (this.#waiting.length > 0 && (this.#waiting[0]?.deadline ?? Infinity) <= deadline) this.#waiting.shift()?.taken();
  }
}
