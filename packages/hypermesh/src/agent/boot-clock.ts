import { readFileSync } from 'node:fs';
import { hypermeshError } from '../errors.ts';

/** Milliseconds since boot, suspend included: a clock that no administrator sets and that stops for nobody. */
export type BootClock = () => number;

/** CLOCK_BOOTTIME as the kernel prints it in /proc/uptime (proc(5)), to 10 ms. */
export const bootClock: BootClock = () => {
  try {
    return Math.round(Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1_000);
  } catch (cause) {
    throw hypermeshError('hypermesh.unsupported', { feature: 'exclusive workloads need /proc/uptime' }, { cause });
  }
};

const ENDED_STATES: ReadonlySet<string | undefined> = new Set(['Z', 'X']);

/**
 * Start time of a process in clock ticks since boot (proc(5), stat field 22): with the pid it names one process for ever.
 * Undefined once it has ended, whether or not its parent has noticed.
 */
export function processStartTime(pid: number): string | undefined {
  try {
    // The name of the program may hold spaces and brackets; fields are counted from behind it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ');
    return ENDED_STATES.has(fields?.[0]) ? undefined : fields?.[19];
  } catch {
    return undefined;
  }
}
