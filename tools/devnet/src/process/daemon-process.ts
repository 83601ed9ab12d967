import { type ChildProcess, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import type { ErrorData } from '@hypermesh/stoq';
import { devnetError } from '../errors.ts';
import { endOfLog, lastLines, lastProblem } from './daemon-log.ts';

export type DaemonKind = 'trustchaind' | 'hypermeshd' | 'catalogd' | 'caesard' | 'stoqd';

export interface DaemonSpec {
  readonly kind: DaemonKind;
  /** Name of the node, unique in the mesh. */
  readonly name: string;
  readonly configFile: string;
  /** Everything the daemon logs is appended here. */
  readonly logFile: string;
  /** Program to run in place of the installed daemon. */
  readonly program?: string;
}

/** What a daemon says of itself when it serves. */
export type DaemonAddresses = Readonly<Record<string, string | readonly string[]>>;

export interface DaemonExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One daemon in a process of its own. */
export interface DaemonProcess {
  readonly spec: DaemonSpec;
  readonly pid: number;
  readonly addresses: DaemonAddresses;
  /** Settles when the process has ended, for whatever reason. */
  readonly ended: Promise<DaemonExit>;
  kill(signal: NodeJS.Signals): void;
  /** Asks the daemon to end and kills it after `graceMs`. */
  stop(options: { readonly graceMs: number }): Promise<DaemonExit>;
}

// Daemons are started together on few cores: each compiles WebAssembly and may make FALCON keys first.
export const READY_MS_MAX: number = 60_000;

// Eight daemons share few cores: threads that collect garbage take them from the others. docs/performance.md has
// what that costs a validator on two cores.
const NODE_FLAGS = ['--single-threaded-gc'];

/**
 * Starts a daemon and waits until it says that it is ready. Throws `devnet.daemon_failed` with how long it waited, the last problem
 * that the daemon has logged and its last words, and the signal's reason. `late` ends the wait as a failure of the daemon.
 */
export async function startDaemon(
  spec: DaemonSpec,
  signal: AbortSignal,
  { late = AbortSignal.timeout(READY_MS_MAX) }: { readonly late?: AbortSignal } = {},
): Promise<DaemonProcess> {
  signal.throwIfAborted();
  const program = spec.program ?? createRequire(import.meta.url).resolve(`@hypermesh/daemons/${spec.kind}`);
  const log = await open(spec.logFile, 'a', 0o600);
  try {
    // The daemon's standard input is a pipe of this process: it ends when this process does, however that happens.
    const child = spawn(process.execPath, [...NODE_FLAGS, program, '--config', spec.configFile, '--exit-with-parent'], {
      stdio: ['pipe', 'pipe', log.fd],
      detached: true,
    });
    const ended = endOf(child);
    const addresses = await readiness(child, ended, spec, { signal, late });
    return new ChildDaemon(spec, child, addresses, ended);
  } finally {
    await log.close();
  }
}

function endOf(child: ChildProcess): Promise<DaemonExit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });
}

async function readiness(
  child: ChildProcess,
  ended: Promise<DaemonExit>,
  { name: daemon, logFile: log }: DaemonSpec,
  { signal, late }: { readonly signal: AbortSignal; readonly late: AbortSignal },
): Promise<DaemonAddresses> {
  const startedAt = performance.now();
  const failed = async (reason: string, facts: ErrorData = {}): Promise<Error> => {
    const waitedMs = Math.round(performance.now() - startedAt);
    child.kill('SIGKILL');
    await ended;
    signal.throwIfAborted();
    const text = await endOfLog(log).catch(() => '');
    const problem = lastProblem(text, child.pid);
    return devnetError('devnet.daemon_failed', { daemon, reason, waitedMs, ...facts, problem, log, last: lastLines(text) });
  };
  const answer = new Promise<DaemonAddresses>((resolve) => {
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => {
      const addresses = parseReadiness(line);
      if (addresses !== undefined) resolve(addresses);
    });
  });
  const limit = AbortSignal.any([signal, late]);
  const given = new Promise<'given-up'>((resolve) => {
    if (limit.aborted) resolve('given-up');
    limit.addEventListener('abort', () => resolve('given-up'), { once: true });
  });
  const outcome = await Promise.race([answer, ended.then(() => 'ended' as const), given]);
  if (outcome === 'ended') throw await failed('it ended before it was ready');
  if (outcome === 'given-up') throw await failed('it was not ready in time', machineLoad());
  return outcome;
}

function parseReadiness(line: string): DaemonAddresses | undefined {
  try {
    const message = JSON.parse(line) as { ready?: boolean; addresses?: DaemonAddresses };
    return message.ready === true ? (message.addresses ?? {}) : undefined;
  } catch {
    return undefined;
  }
}

/** Load average of the last minute, and the cores that share it. */
function machineLoad(): ErrorData {
  return { loadAverage: Number((loadavg()[0] as number).toFixed(1)), cores: availableParallelism() };
}

class ChildDaemon implements DaemonProcess {
  readonly spec: DaemonSpec;
  readonly pid: number;
  readonly addresses: DaemonAddresses;
  readonly ended: Promise<DaemonExit>;
  readonly #child: ChildProcess;

  constructor(spec: DaemonSpec, child: ChildProcess, addresses: DaemonAddresses, ended: Promise<DaemonExit>) {
    this.spec = spec;
    this.pid = child.pid as number;
    this.addresses = addresses;
    this.ended = ended;
    this.#child = child;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop({ graceMs }: { readonly graceMs: number }): Promise<DaemonExit> {
    this.#child.kill('SIGTERM');
    // A stopped process takes SIGTERM only once it goes on.
    this.#child.kill('SIGCONT');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    const exit = await this.ended;
    clearTimeout(timer);
    return exit;
  }
}
