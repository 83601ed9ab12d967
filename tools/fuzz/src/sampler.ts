import { readFile } from 'node:fs/promises';

/** Resident memory of one process after the warm-up. */
export interface MemoryReport {
  readonly firstMiB: number;
  readonly lastMiB: number;
  readonly maxMiB: number;
  /** Medians of the first and last quarter. */
  readonly beginningMiB: number;
  readonly endMiB: number;
  /** Evenly spread over the run. */
  readonly seriesMiB: readonly number[];
  readonly flat: boolean;
}

const QUARTER = 0.25;
// Between two collections of the old generation a heap of 150 MiB grows by a third and more; a leak goes on after that.
const GROWTH_SHARE_MAX = 0.2;
const GROWTH_MIB_MAX = 64;
const SERIES_POINTS = 20;

/** Resident set of a process in MiB; throws when there is no such process. */
export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kibibytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN);
  return Math.round(kibibytes / 102.4) / 10;
}

export function memoryReport(samples: readonly number[]): MemoryReport {
  const at = (share: number): number => Math.floor(samples.length * share);
  const beginning = median(samples.slice(0, Math.max(1, at(QUARTER))));
  const end = median(samples.slice(at(1 - QUARTER)));
  return {
    firstMiB: samples[0] ?? 0,
    lastMiB: samples.at(-1) ?? 0,
    maxMiB: Math.max(0, ...samples),
    beginningMiB: beginning,
    endMiB: end,
    seriesMiB: Array.from({ length: SERIES_POINTS }, (_, point) => samples[at(point / SERIES_POINTS)] ?? 0),
    flat: end <= beginning + Math.max(GROWTH_MIB_MAX, beginning * GROWTH_SHARE_MAX),
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
