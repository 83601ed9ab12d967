import { bool, type Codec, struct, uint } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { StateReader, StateWriter } from '../machine/machine.ts';
import { hex, index, type Index, sortable, table, type Table } from './table.ts';

/** A node's one right to run all its placements until a block time. */
export interface Lease {
  /** Grows whenever the node comes back after an expiry; the fencing token of its placements. */
  readonly number: number;
  /** Block time in milliseconds: expired when the time of a block has reached it. */
  readonly expiresAt: number;
  /** Whether its placements were closed. */
  readonly expired: boolean;
  /** Whether a jump of block time has extended it since its last renewal. */
  readonly extended: boolean;
}

export const leaseCodec: Codec<Lease> = struct({ number: uint(), expiresAt: uint(), expired: bool, extended: bool });

/** What a renewal answers. */
export interface LeaseGrant {
  readonly number: number;
  readonly expiresAt: number;
}

export const leaseGrantCodec: Codec<LeaseGrant> = struct({ number: uint(), expiresAt: uint() });

const leases: Table<Lease> = table('lease', leaseCodec);
const expiries: Index = index('lease-expiry');
const renewals: Table<number> = table('lease-renewal', uint());

export function readLease(state: StateReader, node: Uint8Array): Lease | undefined {
  return leases.read(state, hex(node));
}

/** The lease under which the node may run placements; undefined when it has none. */
export function heldLease(state: StateReader, node: Uint8Array): Lease | undefined {
  const lease = readLease(state, node);
  return lease === undefined || lease.expired ? undefined : lease;
}

/**
 * Extends the node's lease, or gives it a new number after an expiry. `number`: the lease that the node believes to hold, null
 * for whichever. Throws `hypermesh.lease_stale`.
 */
export function renewLease(state: StateWriter, node: Uint8Array, number: number | null, time: number, leaseMs: number): Lease {
  const held = heldLease(state, node);
  if (number !== null && held?.number !== number) throw hypermeshError('hypermesh.lease_stale', { lease: number });
  const last = readLease(state, node)?.number ?? 0;
  const renewed = { number: held?.number ?? last + 1, expiresAt: time + leaseMs, expired: false, extended: false };
  write(state, node, renewed);
  renewals.write(state, '', time);
  return renewed;
}

/**
 * When block time jumps by more than half a lease, no renewal could have been ordered: every lease gets one more lease time
 * from now, once until its next renewal.
 */
export function extendAfterJump(state: StateWriter, time: number, leaseMs: number): void {
  const last = renewals.read(state, '');
  if (last === undefined || time - last <= leaseMs / 2) return;
  for (const entry of expiries.entries(state, '')) {
    const node = nodeOfEntry(entry);
    const lease = readLease(state, node) as Lease;
    if (!lease.extended) write(state, node, { ...lease, expiresAt: Math.max(lease.expiresAt, time + leaseMs), extended: true });
  }
}

/** Marks leases whose time is over, at most `countMax`; answers each node with the expiry. */
export function expireLeases(state: StateWriter, time: number, countMax: number): readonly { node: Uint8Array; expiresAt: number }[] {
  const ended: { node: Uint8Array; expiresAt: number }[] = [];
  for (const entry of expiries.entries(state, '', countMax)) {
    if (entry.slice(0, sortable(0).length) > sortable(time)) break;
    const node = nodeOfEntry(entry);
    const lease = readLease(state, node) as Lease;
    expiries.remove(state, entry);
    leases.write(state, hex(node), { ...lease, expired: true });
    ended.push({ node, expiresAt: lease.expiresAt });
  }
  return ended;
}

function write(state: StateWriter, node: Uint8Array, lease: Lease): void {
  const before = readLease(state, node);
  if (before !== undefined) expiries.remove(state, entryOf(node, before));
  leases.write(state, hex(node), lease);
  expiries.add(state, entryOf(node, lease));
}

function entryOf(node: Uint8Array, { expiresAt }: Lease): string {
  return `${sortable(expiresAt)}/${hex(node)}`;
}

function nodeOfEntry(entry: string): Uint8Array {
  return Uint8Array.from(Buffer.from(entry.slice(sortable(0).length + 1), 'hex'));
}
