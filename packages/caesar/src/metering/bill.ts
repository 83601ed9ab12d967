import { type Codec, decode, encode, struct, uint, uint128 } from '@hypermesh/stoq';
import type { StateReader, StateWriter } from '@hypermesh/mesh/machine';
import { PRICE_REQUEST_UNITS } from '../constants.ts';
import { escrowAvailable } from '../escrow/escrow.ts';
import { hex, textKey } from '../ledger/keys.ts';
import { leasePrice, type LeasedTime } from './price.ts';

/** Where one owner's app stands with those who run it. */
export interface Bill {
  /** Lease time billed since genesis. */
  readonly leased: LeasedTime;
  /** Requests that are counted and not billed yet. */
  readonly requests: number;
}

interface Debtor {
  readonly app: string;
  readonly appOwner: Uint8Array;
}

const billCodec: Codec<Bill> = struct({ leased: struct({ cpuMillisMs: uint128, memoryByteMs: uint128 }), requests: uint() });

/** Units left in the escrow when `leased`, all that the app has leased since genesis, and its counted requests are paid. */
export function escrowLeft(state: StateReader, debtor: Debtor, leased: LeasedTime): bigint {
  const { leased: billed, requests } = readBill(state, debtor);
  const unbilled = {
    cpuMillisMs: leased.cpuMillisMs - billed.cpuMillisMs,
    memoryByteMs: leased.memoryByteMs - billed.memoryByteMs,
  };
  return escrowAvailable(state, debtor.appOwner, debtor.app) - leasePrice(unbilled) - BigInt(requests) * PRICE_REQUEST_UNITS;
}

/** Requests of the app were counted. */
export function addRequests(state: StateWriter, debtor: Debtor, requests: number): void {
  const bill = readBill(state, debtor);
  writeBill(state, debtor, { ...bill, requests: bill.requests + requests });
}

/** Lease time and counted requests of the app were billed. */
export function settleBill(state: StateWriter, debtor: Debtor, settled: Bill): void {
  const { leased, requests } = readBill(state, debtor);
  writeBill(state, debtor, {
    leased: {
      cpuMillisMs: leased.cpuMillisMs + settled.leased.cpuMillisMs,
      memoryByteMs: leased.memoryByteMs + settled.leased.memoryByteMs,
    },
    requests: requests - settled.requests,
  });
}

function readBill(state: StateReader, debtor: Debtor): Bill {
  const stored = state.get(keyOf(debtor));
  return stored === undefined ? { leased: { cpuMillisMs: 0n, memoryByteMs: 0n }, requests: 0 } : decode(billCodec, stored);
}

function writeBill(state: StateWriter, debtor: Debtor, bill: Bill): void {
  state.set(keyOf(debtor), encode(billCodec, bill));
}

function keyOf({ app, appOwner }: Debtor): Uint8Array {
  return textKey('bill', `${hex(appOwner)}/${app}`);
}
