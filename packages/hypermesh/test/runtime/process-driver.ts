import { type ChildProcess, spawn } from 'node:child_process';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { OutputLines } from '../../src/runtime/output-lines.ts';
import { processStartTime } from '../../src/agent/boot-clock.ts';
import { hypermeshError } from '../../src/errors.ts';
import type { RuntimeDriver, Workload, WorkloadRequest, WorkloadResponse, WorkloadSpec, WorkloadState } from '../../src/runtime/driver.ts';

// A program that serves HTTP on a socket of the file system, whatever becomes of its parent.
const PROGRAM = `
const { createServer } = require('node:http');
const [socket] = process.argv.slice(1);
createServer((request, response) => {
  console.log(request.method, request.url);
  if (request.url === '/exit') process.exit(3);
  const failing = process.env.FAILING === 'yes' && request.url === '/health';
  response.writeHead(failing ? 500 : 200).end(process.env.GREETING ?? 'ok');
}).listen(socket, () => console.log('serving'));
`;

const PID_FILE = 'pid';

/** Runs real processes without any wall, for tests of what drivers are driven by. */
export function createProcessDriver(): RuntimeDriver {
  return {
    name: 'process',
    status: () =>
      Promise.resolve({
        available: true,
        capabilities: {
          name: 'process',
          isolation: 'none',
          packageKinds: ['program'],
          enforces: { memory: false, pids: false, cpu: false, fuel: false, wallClock: false },
        },
      }),
    async start(spec, { signal, spawned, output = new OutputLines() }) {
      signal.throwIfAborted();
      await access(join(spec.packageDirectory, spec.entry));
      await mkdir(spec.stateDirectory, { recursive: true });
      const socket = join(spec.stateDirectory, 'http');
      await rm(socket, { force: true });
      const child = spawn(process.execPath, ['-e', PROGRAM, socket], {
        env: spec.env,
        detached: true,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const workload = new ProcessWorkload(spec, child, socket, output);
      await writeFile(join(spec.stateDirectory, PID_FILE), `${child.pid} ${processStartTime(child.pid as number) ?? ''}`);
      spawned?.(workload.pids);
      signal.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
      await workload.serving;
      return workload;
    },
    async reclaim(stateDirectory) {
      const path = join(stateDirectory, PID_FILE);
      const [pid, startTime] = (await readFile(path, 'utf8').catch(() => '')).split(' ');
      if (startTime !== undefined && processStartTime(Number(pid)) === startTime) process.kill(Number(pid), 'SIGKILL');
      await rm(path, { force: true });
      while (startTime !== undefined && processStartTime(Number(pid)) === startTime) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

class ProcessWorkload implements Workload {
  readonly id: string;
  readonly pids: readonly number[];
  readonly ended: Promise<WorkloadState>;
  readonly serving: Promise<void>;
  readonly #child: ChildProcess;
  readonly #socket: string;
  readonly #output: OutputLines;
  #state: WorkloadState = { state: 'running' };
  #stopping = false;

  constructor(spec: WorkloadSpec, child: ChildProcess, socket: string, output: OutputLines) {
    this.id = spec.id;
    this.pids = [child.pid as number];
    this.#child = child;
    this.#socket = socket;
    this.#output = output;
    this.ended = new Promise((resolve) => {
      child.once('exit', (exitCode, signal) => {
        this.#state = { state: 'exited', exitCode, signal, reason: this.#stopping ? 'stopped' : 'exit' };
        resolve(this.#state);
      });
    });
    this.serving = new Promise((resolve, reject) => {
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        for (const line of text.split('\n').filter((each) => each !== '')) {
          output.add(line);
          if (line === 'serving') resolve();
        }
      });
      void this.ended.then(() => reject(hypermeshError('hypermesh.workload_failed', { id: this.id })));
    });
  }

  handle({ method, path, headers, body }: WorkloadRequest, { signal }: { signal: AbortSignal }): Promise<WorkloadResponse> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void => reject(hypermeshError('hypermesh.workload_failed', { id: this.id }, { cause }));
      const sent = request({ socketPath: this.#socket, method, path, headers, signal }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', fail);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: {}, body: Buffer.concat(chunks) }));
      });
      sent.on('error', fail).end(body);
    });
  }

  logs(linesMax: number): readonly string[] {
    return this.#output.last(linesMax);
  }

  state(): WorkloadState {
    return this.#state;
  }

  async stop({ graceMs }: { graceMs: number }): Promise<void> {
    this.#stopping = true;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await this.ended;
    clearTimeout(timer);
  }
}
