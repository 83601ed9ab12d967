import { readFileSync } from 'node:fs';

// Imports nothing of this package: the watchdog is ready as soon as Node.js is.

/** CLOCK_BOOTTIME in milliseconds as the kernel prints it in /proc/uptime (proc(5)), to 10 ms. Throws what reading throws. */
export function bootTime(): number {
  return Math.round(Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1_000);
}

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
