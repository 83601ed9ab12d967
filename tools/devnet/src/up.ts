import { existsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { hasCode } from '@hypermesh/stoq';
import { devnetError } from './errors.ts';
import { openUser, type User } from './job/user.ts';
import { type JobReport, runMainJob } from './job/main-job.ts';
import { assertPlatform } from './mesh/directory-lock.ts';
import { USER, VALIDATORS } from './mesh/layout.ts';
import { type LocalMesh, startLocalMesh } from './mesh/local-mesh.ts';
import { createLocalMesh } from './mesh/new-mesh.ts';
import { openTemporaryDirectory } from './mesh/temporary-directory.ts';

export interface UpOptions {
  /** Where the mesh lives, kept after the end; null for a temporary one that is removed, unless it fails to start. */
  readonly directory: string | null;
  /** Folder of the example package; by default the one that comes with the source. */
  readonly example?: string;
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
  /** A daemon ended although nobody asked it to. */
  readonly onLost: (name: string) => void;
}

export interface UpReport extends JobReport {
  readonly ok: true;
  readonly durationMs: number;
  readonly addresses: Readonly<Record<string, unknown>>;
}

/** A mesh that runs, with the first user ready. */
export interface RunningMesh extends AsyncDisposable {
  readonly mesh: LocalMesh;
  readonly user: User;
}

/** Folder of the example package. */
export const EXAMPLE: string = fileURLToPath(new URL('../../../examples/hello', import.meta.url));
// Four nodes share this machine.
const NODE_MEMORY_SHARE = 0.1;
const NODE_WORKLOADS = 32;

/** Makes the mesh of a directory if there is none, starts it, and opens the first user. */
export async function startMesh(options: Omit<UpOptions, 'example'>): Promise<RunningMesh> {
  assertPlatform();
  if (options.directory !== null) return startIn(options.directory, options);
  const { onProgress, signal } = options;
  await using opening = new AsyncDisposableStack();
  const temporary = opening.use(await openTemporaryDirectory('hypermesh-'));
  try {
    const running = await startIn(temporary.path, options);
    opening.use(running);
    const stack = opening.move();
    return { ...running, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (error) {
    if (!signal.aborted) {
      temporary.keep();
      onProgress(`state and logs of the mesh are in ${temporary.path}`);
    }
    throw error;
  }
}

async function startIn(directory: string, options: Omit<UpOptions, 'example'>): Promise<RunningMesh> {
  await using opening = new AsyncDisposableStack();
  const { onProgress, signal } = options;
  const home = join(directory, 'mesh');
  signal.throwIfAborted();
  if (!existsSync(home)) await makeMesh(home, onProgress);
  signal.throwIfAborted();
  const mesh = await startLocalMesh(home, options);
  opening.defer(() => mesh.stop());
  onProgress('opening the first user');
  const user = await openUser(mesh.userHome, { name: USER, signal, onProblem: () => undefined });
  opening.use(user);
  const stack = opening.move();
  return { mesh, user, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function makeMesh(home: string, onProgress: UpOptions['onProgress']): Promise<void> {
  onProgress('making keys, certificates and genesis');
  const memoryBytes = Math.floor(totalmem() * NODE_MEMORY_SHARE);
  const capacity = { cpuMillis: availableParallelism() * 500, memoryBytes, workloads: NODE_WORKLOADS };
  try {
    await createLocalMesh(home, { meshName: 'local', capacity });
  } catch (cause) {
    if (!hasCode(cause, 'trustchain.mesh_exists')) throw cause;
    throw devnetError('devnet.directory_used', { directory: home, reason: 'another process has made a mesh there meanwhile' }, { cause });
  }
}

/** Everything that `hypermesh up` does before it waits: the mesh and the main job on it. */
export async function runUp(running: RunningMesh, options: UpOptions, startedAt: number): Promise<UpReport> {
  const { mesh, user } = running;
  const report = await runMainJob({ ...options, mesh, user, example: options.example ?? EXAMPLE });
  return {
    ok: true,
    durationMs: Math.round(performance.now() - startedAt),
    ...report,
    addresses: Object.fromEntries(mesh.running().map(({ spec, addresses }) => [spec.name, addresses])),
  };
}

/** Doors for ordinary HTTP clients, the first node's first. */
export function ingressesOf(mesh: LocalMesh): readonly string[] {
  return VALIDATORS.map((name) => mesh.daemon(name).addresses.ingress as string);
}
