import { readFile, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { pause, systemClock } from '@hypermesh/stoq';

/** Environment variable with the folder into which a daemon writes what is left after a collection. */
export const LIVE_MEMORY_DIRECTORY: string = 'HYPERMESH_FUZZ_LIVE_MEMORY';

/** What a process holds when all its garbage is collected: its heap, and the bytes that the heap refers to. */
export interface LiveMemory {
  readonly firstMiB: number;
  readonly lastMiB: number;
  readonly flat: boolean;
}

// Calls and sessions that are under way at a collection are live too: of several collections the lowest counts.
const COLLECTIONS = 3;
const BETWEEN_COLLECTIONS_MS = 1_000;
// All daemons collect at once on few cores.
const COLLECTED_MS_MAX = 20_000;
const POLL_MS = 50;
// In the daemons: as TypeScript in the source tree and as JavaScript when built.
const PRELOADED = './collected-heap.entry';
const MIB = 1024 * 1024;
// More sessions at one time than at another, and what the mesh has ordered meanwhile. A leak of 200 bytes a call exceeds it.
const GROWTH_MIB_MAX = 8;

/** What `run` starts meanwhile can be asked by `liveMiB`. */
export async function withLiveMemory<T>(directory: string, run: () => Promise<T>): Promise<T> {
  const preload = new URL(PRELOADED + extname(import.meta.url), import.meta.url).href;
  const { NODE_OPTIONS } = process.env;
  process.env['NODE_OPTIONS'] = `${NODE_OPTIONS ?? ''} --import ${preload}`.trim();
  process.env[LIVE_MEMORY_DIRECTORY] = directory;
  try {
    return await run();
  } finally {
    if (NODE_OPTIONS === undefined) delete process.env['NODE_OPTIONS'];
    else process.env['NODE_OPTIONS'] = NODE_OPTIONS;
    delete process.env[LIVE_MEMORY_DIRECTORY];
  }
}

/** The lowest of several collections. Throws when the process is gone, does not collect, or the signal aborts. */
export async function liveMiB(directory: string, pid: number, signal: AbortSignal): Promise<number> {
  let lowest = await collectedBytes(directory, pid, signal);
  for (let collection = 1; collection < COLLECTIONS; collection++) {
    await pause(systemClock, BETWEEN_COLLECTIONS_MS, signal);
    lowest = Math.min(lowest, await collectedBytes(directory, pid, signal));
  }
  return Math.round((lowest * 10) / MIB) / 10;
}

export function liveMemory(firstMiB: number, lastMiB: number): LiveMemory {
  return { firstMiB, lastMiB, flat: lastMiB <= firstMiB + GROWTH_MIB_MAX };
}

async function collectedBytes(directory: string, pid: number, signal: AbortSignal): Promise<number> {
  const file = join(directory, String(pid));
  await rm(file, { force: true });
  signal.throwIfAborted();
  process.kill(pid, 'SIGUSR2');
  const limit = AbortSignal.any([signal, AbortSignal.timeout(COLLECTED_MS_MAX)]);
  for (;;) {
    const written = await readFile(file, 'utf8').catch(() => undefined);
    if (written !== undefined) return Number(written);
    limit.throwIfAborted();
    await pause(systemClock, POLL_MS, limit);
  }
}
