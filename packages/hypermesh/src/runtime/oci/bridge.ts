import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { hypermeshError } from '../../errors.ts';
import type { WorkloadRequest, WorkloadResponse } from '../driver.ts';
import { CONTAINER_PORT } from './bundle.ts';

/** The way into one container's network namespace. */
export interface Bridge {
  /** Resolves when the container accepts connections; rejects when the bridge ends before. */
  readonly ready: Promise<void>;
  request(request: WorkloadRequest, limits: { readonly bodyBytesMax: number; readonly signal: AbortSignal }): Promise<WorkloadResponse>;
  stop(): Promise<void>;
}

// More connections than a small server accepts at once only queue inside the container.
const CONNECTIONS_MAX = 32;

/** `pid`: a process of the container. `socketPath`: a new Unix socket, at most 107 bytes long (unix(7)). */
export function startBridge(pid: number, socketPath: string): Bridge {
  const fromSource = import.meta.url.endsWith('.ts');
  const entry = fileURLToPath(new URL(fromSource ? './bridge.entry.ts' : './bridge.entry.js', import.meta.url));
  const args = ['--target', String(pid), '--net', '--', process.execPath, '--disable-warning=ExperimentalWarning', entry];
  const child = spawn('nsenter', [...args, socketPath, String(CONTAINER_PORT)], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {},
    detached: true,
  });
  const pool = new Pool('http://container', { socketPath, connections: CONNECTIONS_MAX, pipelining: 1 });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  return {
    ready: readiness(child, exited),
    request: (request, limits) => exchange(pool, request, limits),
    async stop() {
      await pool.destroy();
      child.stdin?.on('error', () => undefined).end();
      child.kill('SIGKILL');
      await exited;
      await rm(socketPath, { force: true });
    },
  };
}

async function readiness(child: ChildProcess, exited: Promise<void>): Promise<void> {
  const said = once(child.stdout as NodeJS.ReadableStream, 'data').then(() => true);
  if (!(await Promise.race([said, exited.then(() => false)]))) {
    throw hypermeshError('hypermesh.workload_failed', { reason: 'the network of the container cannot be entered' });
  }
}

async function exchange(
  pool: Pool,
  { method, path, headers, body }: WorkloadRequest,
  { bodyBytesMax, signal }: { readonly bodyBytesMax: number; readonly signal: AbortSignal },
): Promise<WorkloadResponse> {
  const { 'content-length': _length, ...sent } = headers;
  const answer = await pool.request({ method: method as 'GET', path, headers: sent, body: body.length === 0 ? null : body, signal });
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > bodyBytesMax) throw hypermeshError('hypermesh.workload_limit', { limit: 'response', bytesMax: bodyBytesMax });
    chunks.push(chunk);
  }
  const received = Object.entries(answer.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]);
  return { status: answer.statusCode, headers: Object.fromEntries(received) as Record<string, string>, body: Buffer.concat(chunks) };
}
