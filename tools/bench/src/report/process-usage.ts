import { readdirSync, readFileSync } from 'node:fs';

// USER_HZ of Linux, in which proc(5) counts: the same on every architecture that Node.js runs on.
const TICKS_PER_SECOND = 100;
const KIBIBYTES_PER_MEGABYTE = 1e6 / 1024;
// Fields of proc(5) stat after the command, which may hold spaces.
const PARENT_FIELD = 1;
const USER_FIELD = 11;
const SYSTEM_FIELD = 12;

/** Processor time that the processes have used so far, milliseconds; 0 for those that have ended. */
export function cpuMsOf(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const fields = statOf(pid);
    return Number(fields[USER_FIELD] ?? 0) + Number(fields[SYSTEM_FIELD] ?? 0);
  });
  return (ticks.reduce((sum, used) => sum + used, 0) * 1000) / TICKS_PER_SECOND;
}

/** Proportional set size, megabytes: pages that processes share count once. */
export function memoryMbOf(pids: readonly number[]): number {
  const kibibytes = pids.map((pid) => Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0));
  return kibibytes.reduce((sum, size) => sum + size, 0) / KIBIBYTES_PER_MEGABYTE;
}

/** The processes and all that descend from them. */
export function withDescendants(pids: readonly number[]): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (/^\d+$/.test(name)) parents.set(Number(name), Number(statOf(Number(name))[PARENT_FIELD]));
  }
  const found = new Set(pids);
  for (let size = 0; size !== found.size;) {
    size = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

function statOf(pid: number): readonly string[] {
  return read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
}

/** Empty for a process that has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
