import { readFile } from 'node:fs/promises';

/** Resident memory of one process over the run. */
export interface MemoryReport {
  readonly firstMiB: number;
  /** Median after the warm-up. */
  readonly settledMiB: number;
  /** Median at the end. */
  readonly lastMiB: number;
  readonly maxMiB: number;
  /** Evenly spread over the run. */
  readonly seriesMiB: readonly number[];
  readonly flat: boolean;
}

// Compiled code, caches and heaps of Node.js have found their size by then.
const WARM_UP_SHARE = 0.4;
const END_SHARE = 0.8;
// Garbage that is not collected yet.
const GROWTH_SHARE_MAX = 0.2;
const GROWTH_MIB_MAX = 32;
const SERIES_POINTS = 20;

/** Resident set of a process in MiB; throws when there is no such process. */
export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kibibytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN);
  return Math.round(kibibytes / 102.4) / 10;
}

export function memoryReport(samples: readonly number[]): MemoryReport {
  const at = (share: number): number => Math.floor(samples.length * share);
  const settled = median(samples.slice(at(WARM_UP_SHARE), at((WARM_UP_SHARE + END_SHARE) / 2)));
  const last = median(samples.slice(at(END_SHARE)));
  const allowed = settled + Math.max(GROWTH_MIB_MAX, settled * GROWTH_SHARE_MAX);
  return {
    firstMiB: samples[0] ?? 0,
    settledMiB: settled,
    lastMiB: last,
    maxMiB: Math.max(0, ...samples),
    seriesMiB: Array.from({ length: SERIES_POINTS }, (_, point) => samples[at(point / SERIES_POINTS)] ?? 0),
    flat: last <= allowed,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
}

// What a daemon writes when something got past it: names of Node.js and of the level above `error`.
const ALARMS: readonly RegExp[] = [/unhandled/i, /uncaught/i, /"level":\s*60\b/, /"level":\s*"fatal"/, /FATAL ERROR/, /AssertionError/];

/** Lines of a log from byte `offset` on that no daemon should ever write. */
export async function alarmingLines(file: string, offset: number): Promise<readonly string[]> {
  const log = await readFile(file);
  const lines = log.subarray(offset).toString('utf8').split('\n');
  return lines.filter((line) => ALARMS.some((alarm) => alarm.test(line)));
}
