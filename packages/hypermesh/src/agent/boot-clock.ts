import { hypermeshError } from '../errors.ts';
import { bootTime } from './kernel-clock.ts';

export { processStartTime } from './kernel-clock.ts';

/** Milliseconds since boot, suspend included: a clock that no administrator sets and that stops for nobody. */
export type BootClock = () => number;

export const bootClock: BootClock = () => {
  try {
    return bootTime();
  } catch (cause) {
    throw hypermeshError('hypermesh.unsupported', { feature: 'exclusive workloads need /proc/uptime' }, { cause });
  }
};
