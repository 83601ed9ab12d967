import type { ChildProcess } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { hypermeshError } from '../../errors.ts';
import { BODY_BYTES_MAX } from '../../ingress/workload-contract.ts';
import type { Workload, WorkloadRequest, WorkloadResponse, WorkloadSpec, WorkloadState } from '../driver.ts';
import { LineSplitter, type OutputLines } from '../output-lines.ts';
import type { Bridge } from './bridge.ts';
import { memoryKills } from './control-group.ts';
import type { Runc } from './runc.ts';

// The container is gone by then: what it printed last is in the pipes.
const LAST_LINES_MS_MAX = 1_000;

interface OciWorkloadParts {
  readonly spec: WorkloadSpec;
  readonly id: string;
  readonly output: OutputLines;
  /** Places of the node that no line shows. */
  readonly hidden: readonly string[];
  /** `runc run` in the foreground: its end is the container's. */
  readonly child: ChildProcess;
  readonly runc: Runc;
  readonly cgroupsPath: string;
  readonly version: 1 | 2;
  readonly places: { readonly pidFile: string; readonly bundle: string };
}

/** One container: the process of runc, the way in, and its last words. */
export class OciWorkload implements Workload {
  readonly id: string;
  readonly ended: Promise<WorkloadState>;
  readonly #parts: OciWorkloadParts;
  #pids: readonly number[] = [];
  #bridge: Bridge | undefined;
  #state: WorkloadState = { state: 'running' };
  #stopping = false;
  /** Both streams are over. */
  readonly #printed: Promise<unknown>;

  constructor(parts: OciWorkloadParts) {
    this.id = parts.spec.id;
    this.#parts = parts;
    const { child } = parts;
    this.#printed = new Promise((resolve) => child.once('close', resolve));
    for (const stream of [child.stdout, child.stderr]) {
      const lines = new LineSplitter((line) => this.#print(line));
      stream?.setEncoding('utf8').on('data', (text: string) => lines.write(text));
      stream?.once('end', () => lines.end());
    }
    this.ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
      child.once('error', (error) => {
        this.#print(error.message);
        resolve({ code: null, signal: null });
      });
    }).then(({ code, signal }) => this.#conclude(code, signal));
  }

  get pids(): readonly number[] {
    return this.#pids;
  }

  attach(pid: number, bridge: Bridge): void {
    this.#pids = [pid];
    this.#bridge = bridge;
    // Whoever waits for readiness sees the failure.
    bridge.ready.catch(() => undefined);
  }

  async handle(request: WorkloadRequest, { signal }: { signal: AbortSignal }): Promise<WorkloadResponse> {
    if (this.#state.state !== 'running' || this.#bridge === undefined) throw hypermeshError('hypermesh.workload_failed', { id: this.id });
    const { requestMsMax } = this.#parts.spec.limits;
    const deadline = AbortSignal.timeout(requestMsMax);
    try {
      return await this.#bridge.request(request, { bodyBytesMax: BODY_BYTES_MAX, signal: AbortSignal.any([signal, deadline]) });
    } catch (cause) {
      if (signal.aborted || deadline.aborted) throw hypermeshError('hypermesh.workload_timeout', { id: this.id, requestMsMax }, { cause });
      if ((cause as { code?: string }).code === 'hypermesh.workload_limit') throw cause;
      throw hypermeshError('hypermesh.workload_failed', { id: this.id, reason: 'no answer from the container' }, { cause });
    }
  }

  logs(linesMax: number): readonly string[] {
    return this.#parts.output.last(linesMax);
  }

  state(): WorkloadState {
    return this.#state;
  }

  async stop({ graceMs }: { graceMs: number }): Promise<void> {
    this.#stopping = true;
    const { runc, id } = this.#parts;
    if (this.#state.state === 'running') {
      if (graceMs > 0) await runc.kill(id, 'TERM').catch(() => undefined);
      const timer = setTimeout(() => void this.#kill(), graceMs);
      await this.ended;
      clearTimeout(timer);
    }
    await this.ended;
  }

  /** Kills the container; without a container the process of runc, which then creates none. */
  async #kill(): Promise<void> {
    const { runc, id, child } = this.#parts;
    await runc.kill(id, 'KILL').catch(() => child.kill('SIGKILL'));
  }

  async #conclude(code: number | null, signal: string | null): Promise<WorkloadState> {
    const { runc, id, cgroupsPath, version, places } = this.#parts;
    const starved = (await memoryKills(cgroupsPath, version)) > 0;
    await this.#bridge?.stop();
    // The next start reclaims it, and fails if that fails.
    await runc.delete(id).catch(() => undefined);
    await Promise.race([this.#printed, delay(LAST_LINES_MS_MAX, undefined, { ref: false })]);
    await Promise.all([rm(places.pidFile, { force: true }), rm(places.bundle, { recursive: true, force: true })]);
    const reason = this.#stopping ? 'stopped' : starved ? 'out-of-memory' : 'exit';
    this.#state = { state: 'exited', exitCode: code, signal, reason };
    return this.#state;
  }

  /** Runc prints among the lines of the container, and names places of the node. */
  #print(line: string): void {
    const { output, hidden } = this.#parts;
    output.add(hidden.reduce((text, place) => text.replaceAll(place, ''), line));
  }
}
