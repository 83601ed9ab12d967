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

/** Start time of a process in clock ticks since boot (proc(5), stat field 22): with the pid it names one process for ever. */
export function processStartTime(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[19];
  } catch {
    return undefined;
  }
}
