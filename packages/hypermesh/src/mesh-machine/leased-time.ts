import { type Codec, struct, uint, uint128 } from '@hypermesh/stoq';
import type { StateReader, StateWriter } from '../machine/machine.ts';
import { hex, table, type Table } from './table.ts';

/** Resources of leases, each times the milliseconds of its lease. */
export interface LeasedTime {
  readonly cpuMillisMs: bigint;
  readonly memoryByteMs: bigint;
}

/** What one owner's app has leased since genesis: what has been until `since`, and what grows on from there. */
interface Leases extends LeasedTime {
  readonly cpuMillis: bigint;
  readonly memoryBytes: bigint;
  /** Block time in milliseconds. */
  readonly since: number;
}

interface Lessee {
  readonly app: string;
  readonly appOwner: Uint8Array;
}

interface Leased extends Lessee {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

const leasesCodec: Codec<Leases> = struct({
  cpuMillisMs: uint128,
  memoryByteMs: uint128,
  cpuMillis: uint128,
  memoryBytes: uint128,
  since: uint(),
});

// Kept when the app is removed: its owner may deploy another of that name on the same escrow.
const leases: Table<Leases> = table('leases', leasesCodec);

/** All that placements of the owner's app have leased since genesis, until `time`. */
export function leasedTime(state: StateReader, lessee: Lessee, time: number): LeasedTime {
  return advanced(read(state, lessee), time);
}

export function beginLease(state: StateWriter, leased: Leased, time: number): void {
  const { cpuMillis, memoryBytes, ...until } = advanced(read(state, leased), time);
  const held = { cpuMillis: cpuMillis + BigInt(leased.cpuMillis), memoryBytes: memoryBytes + BigInt(leased.memoryBytes) };
  leases.write(state, keyOf(leased), { ...until, ...held });
}

/** `closedAt`: when it ended, not after `time`. */
export function endLease(state: StateWriter, leased: Leased, closedAt: number, time: number): void {
  const { cpuMillis, memoryBytes, cpuMillisMs, memoryByteMs } = advanced(read(state, leased), time);
  const unused = BigInt(time - closedAt);
  leases.write(state, keyOf(leased), {
    cpuMillisMs: cpuMillisMs - BigInt(leased.cpuMillis) * unused,
    memoryByteMs: memoryByteMs - BigInt(leased.memoryBytes) * unused,
    cpuMillis: cpuMillis - BigInt(leased.cpuMillis),
    memoryBytes: memoryBytes - BigInt(leased.memoryBytes),
    since: time,
  });
}

function advanced({ cpuMillisMs, memoryByteMs, cpuMillis, memoryBytes, since }: Leases, time: number): Leases {
  const elapsed = BigInt(time - since);
  return {
    cpuMillisMs: cpuMillisMs + cpuMillis * elapsed,
    memoryByteMs: memoryByteMs + memoryBytes * elapsed,
    cpuMillis,
    memoryBytes,
    since: time,
  };
}

function read(state: StateReader, lessee: Lessee): Leases {
  return leases.read(state, keyOf(lessee)) ?? { cpuMillisMs: 0n, memoryByteMs: 0n, cpuMillis: 0n, memoryBytes: 0n, since: 0 };
}

function keyOf({ app, appOwner }: Lessee): string {
  return `${hex(appOwner)}/${app}`;
}
