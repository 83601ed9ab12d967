import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import {
  hypermeshError,
  OutputLines,
  type RuntimeDriver,
  type Workload,
  type WorkloadRequest,
  type WorkloadResponse,
  type WorkloadSpec,
  type WorkloadState,
} from '@hypermesh/mesh';
import { catalogError } from '../errors.ts';
import { assertModuleBytes } from '../module/limits.ts';
import { cgiEnvironment } from './cgi.ts';
import { type GuestProcess, startGuestProcess, startTimeOf } from './guest-process.ts';
import type { GuestAnswer } from './guest-protocol.ts';
import type { GuestReport } from './guest-run.ts';
import { createModuleCache } from './module-cache.ts';
import { limitMemory } from './module-memory.ts';

const PID_FILE = 'guest.pid';

export interface WasmDriverOptions {
  /** Metered modules are kept here; only this node writes to it. */
  readonly cacheDirectory: string;
  /** Called after each run with what it used. */
  readonly onRun?: (workload: string, report: GuestReport) => void;
}

/** Runs packages of kind `wasm`: a WASI command that answers each request as a CGI program, in a process of its own. */
export function createWasmDriver(options: WasmDriverOptions): RuntimeDriver {
  const cache = createModuleCache(options.cacheDirectory);
  return {
    name: 'wasm',
    status: () =>
      Promise.resolve({
        available: true,
        capabilities: {
          name: 'wasm',
          isolation: 'sandbox',
          packageKinds: ['wasm'],
          enforces: { memory: true, pids: true, cpu: false, fuel: true, wallClock: true },
        },
      }),
    async start(spec, { signal, output = new OutputLines() }) {
      if (signal.aborted) throw hypermeshError('hypermesh.workload_failed', { id: spec.id, reason: 'the start was given up' });
      const entry = normalize(spec.entry);
      if (isAbsolute(entry) || entry.startsWith('..')) throw catalogError('catalog.path_invalid', { path: spec.entry });
      const entryPath = join(spec.packageDirectory, entry);
      assertModuleBytes((await stat(entryPath)).size);
      const source = await readFile(entryPath);
      const module = limitMemory(await cache.metered(source, signal), spec.limits.memoryBytesMax);
      await mkdir(spec.stateDirectory, { recursive: true, mode: 0o700 });
      const modulePath = join(spec.stateDirectory, 'module.wasm');
      await writeFile(modulePath, module, { mode: 0o600 });
      const told = new GuestLog(spec, output, options.onRun);
      const setup = { kind: 'setup', modulePath, requestMsMax: spec.limits.requestMsMax } as const;
      const guest = await startGuestProcess(setup, signal, (late) => told.givenUp(late));
      try {
        await writeFile(join(spec.stateDirectory, PID_FILE), `${guest.pid} ${startTimeOf(guest.pid) ?? ''}`);
      } catch (error) {
        // Nobody would find it again.
        guest.kill('SIGKILL');
        await guest.ended;
        throw error;
      }
      return new WasmWorkload(spec, guest, told);
    },
    reclaim: reclaimGuest,
  };
}

/** Kills the guest that a dead agent left behind; the start time tells it from a later process with the same pid. */
async function reclaimGuest(stateDirectory: string): Promise<void> {
  const path = join(stateDirectory, PID_FILE);
  const text = await readFile(path, 'utf8').catch(() => '');
  const [pid, startTime] = text.split(' ');
  const known = Number(pid);
  if (known > 0 && startTime !== undefined && startTime !== '' && startTimeOf(known) === startTime) process.kill(known, 'SIGKILL');
  await rm(path, { force: true });
}

class WasmWorkload implements Workload {
  readonly id: string;
  readonly pids: readonly number[];
  readonly ended: Promise<WorkloadState>;
  readonly #spec: WorkloadSpec;
  readonly #guest: GuestProcess;
  readonly #log: GuestLog;
  #state: WorkloadState = { state: 'running' };
  #stopping = false;

  constructor(spec: WorkloadSpec, guest: GuestProcess, log: GuestLog) {
    this.id = spec.id;
    this.pids = [guest.pid];
    this.#spec = spec;
    this.#guest = guest;
    this.#log = log;
    this.ended = guest.ended.then(({ exitCode, signal }) => {
      const reason = this.#stopping ? 'stopped' : signal === 'SIGKILL' ? 'limit' : 'exit';
      this.#state = { state: 'exited', exitCode, signal, reason };
      return this.#state;
    });
  }

  async handle(request: WorkloadRequest, { signal }: { signal: AbortSignal }): Promise<WorkloadResponse> {
    if (this.#state.state !== 'running') throw hypermeshError('hypermesh.workload_failed', { id: this.id });
    const { limits, env, args } = this.#spec;
    const input = { env: cgiEnvironment(request, env), args: [this.#spec.entry, ...args], body: request.body, fuel: limits.fuelPerRequest };
    const result = await this.#guest.run(input, signal);
    this.#log.answered(result);
    switch (result.outcome) {
      case 'response':
        return { status: result.status, headers: result.headers, body: result.body };
      case 'timeout':
        throw hypermeshError('hypermesh.workload_timeout', { id: this.id, requestMsMax: limits.requestMsMax });
      case 'limit':
        throw hypermeshError('hypermesh.workload_limit', { id: this.id, limit: result.limit });
      case 'failed':
        throw hypermeshError('hypermesh.workload_failed', { id: this.id, reason: result.reason });
    }
  }

  logs(linesMax: number): readonly string[] {
    return this.#log.last(linesMax);
  }

  state(): WorkloadState {
    return this.#state;
  }

  async stop({ graceMs }: { graceMs: number }): Promise<void> {
    this.#stopping = true;
    this.#guest.disconnect();
    const timer = setTimeout(() => this.#guest.kill('SIGKILL'), graceMs);
    await this.ended;
    clearTimeout(timer);
    await rm(join(this.#spec.stateDirectory, PID_FILE), { force: true });
  }
}

/** Tells in lines what came of each request. */
class GuestLog {
  readonly #spec: WorkloadSpec;
  readonly #output: OutputLines;
  readonly #onRun: WasmDriverOptions['onRun'];

  constructor(spec: WorkloadSpec, output: OutputLines, onRun: WasmDriverOptions['onRun']) {
    this.#spec = spec;
    this.#output = output;
    this.#onRun = onRun;
  }

  answered(result: GuestAnswer['result']): void {
    if (result.outcome === 'timeout') return this.#output.add(`stopped: no answer within ${this.#spec.limits.requestMsMax} ms`);
    for (const line of result.errors.split('\n')) if (line !== '') this.#output.add(line);
    for (const [name, count] of Object.entries(result.denied)) this.#output.add(`refused: ${name} (${count} times)`);
    if (result.outcome === 'limit') this.#output.add(`stopped: limit of ${result.limit}`);
    if (result.outcome === 'failed') this.#output.add(`failed: ${result.reason}`);
    this.#onRun?.(this.#spec.id, result);
  }

  /** Nobody waited for the answer any longer. */
  givenUp(result: GuestAnswer['result']): void {
    this.answered(result);
    this.#output.add('given up: whoever asked did not wait for the answer');
  }

  last(linesMax: number): readonly string[] {
    return this.#output.last(linesMax);
  }
}
