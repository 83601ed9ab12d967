import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { openUser, type User } from './job/user.ts';
import { type JobReport, runMainJob } from './job/main-job.ts';
import { USER, VALIDATORS } from './mesh/layout.ts';
import { type LocalMesh, startLocalMesh } from './mesh/local-mesh.ts';
import { createLocalMesh } from './mesh/new-mesh.ts';

export interface UpOptions {
  /** Where the mesh lives, kept after the end; null for a temporary one that is removed. */
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
  await using opening = new AsyncDisposableStack();
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'hypermesh-')));
  // Logs of a mesh that failed stay where they are until somebody has looked at them.
  const { onProgress, signal } = options;
  const home = join(directory, 'mesh');
  if (!existsSync(home)) {
    onProgress('making keys, certificates and genesis');
    const memoryBytes = Math.floor(totalmem() * NODE_MEMORY_SHARE);
    const capacity = { cpuMillis: availableParallelism() * 500, memoryBytes, workloads: NODE_WORKLOADS };
    await createLocalMesh(home, { meshName: 'local', capacity });
  }
  const mesh = await startLocalMesh(home, options);
  opening.defer(() => mesh.stop());
  onProgress('opening the first user');
  const user = await openUser(mesh.userHome, { name: USER, signal, onProblem: () => undefined });
  opening.use(user);
  const stack = opening.move();
  return {
    mesh,
    user,
    async [Symbol.asyncDispose]() {
      await stack.disposeAsync();
      if (options.directory === null) await rm(directory, { recursive: true, force: true });
    },
  };
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
