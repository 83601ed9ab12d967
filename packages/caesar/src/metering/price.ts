import { PRICE_CORE_HOUR_UNITS, PRICE_GIB_HOUR_UNITS } from '../constants.ts';
import type { BilledPlacement } from '../settlement/placement-view.ts';

/** Resources of leases, each times the milliseconds of its lease. */
export interface LeasedTime {
  readonly cpuMillisMs: bigint;
  readonly memoryByteMs: bigint;
}

export function leasedTime({ cpuMillis, memoryBytes }: Pick<BilledPlacement, 'cpuMillis' | 'memoryBytes'>, durationMs: number): LeasedTime {
  return { cpuMillisMs: BigInt(cpuMillis) * BigInt(durationMs), memoryByteMs: BigInt(memoryBytes) * BigInt(durationMs) };
}

/** Price in units, rounded down once a resource. */
export function leasePrice({ cpuMillisMs, memoryByteMs }: LeasedTime): bigint {
  const cores = (cpuMillisMs * PRICE_CORE_HOUR_UNITS) / (1_000n * 3_600_000n);
  const memory = (memoryByteMs * PRICE_GIB_HOUR_UNITS) / ((1n << 30n) * 3_600_000n);
  return cores + memory;
}
