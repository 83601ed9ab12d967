import assert from 'node:assert/strict';
import { bigUint, type Codec, decode, encode, hashLabelled, list, struct, text, uint } from '@hypermesh/stoq';
import type { StateReader, StateWriter } from '@hypermesh/mesh/machine';
import {
  PERIOD_MS_MIN,
  PLACEMENTS_PER_CLOSE_MAX,
  PRICE_CORE_HOUR_UNITS,
  PRICE_GIB_HOUR_UNITS,
  PRICE_REQUEST_UNITS,
  SUPPLY_UNITS,
} from '../constants.ts';
import { caesarError } from '../errors.ts';
import { escrowAvailable, spendEscrow } from '../escrow/escrow.ts';
import { ACCOUNT_NAME_LENGTH_MAX, ownerAccount } from '../ledger/account.ts';
import { hex, sortable, textKey } from '../ledger/keys.ts';
import { totalUnits } from '../ledger/ledger.ts';
import { takeUnbilled } from '../metering/request-count.ts';
import type { BilledPlacement, PlacementView } from './placement-view.ts';

/** What a closed period says: who was paid how much, and that the books still balance. */
export interface Period {
  readonly number: number;
  /** Block times in milliseconds: lease time in (from, to] was billed. */
  readonly from: number;
  readonly to: number;
  /** Sum of all balances in units, by a walk over every account. */
  readonly totalBefore: bigint;
  readonly totalAfter: bigint;
  readonly paid: readonly { readonly account: string; readonly amount: bigint }[];
}

export const periodCodec: Codec<Period> = struct({
  number: uint(),
  from: uint(),
  to: uint(),
  totalBefore: bigUint(64),
  totalAfter: bigUint(64),
  paid: list(struct({ account: text(ACCOUNT_NAME_LENGTH_MAX), amount: bigUint(64) }), PLACEMENTS_PER_CLOSE_MAX),
});

export function readPeriod(state: StateReader, number: number): Period | undefined {
  const stored = state.get(periodKey(number));
  return stored === undefined ? undefined : decode(periodCodec, stored);
}

/** The number of the last closed period; 0 before the first. */
export function lastPeriod(state: StateReader): number {
  const stored = state.get(LAST);
  return stored === undefined ? 0 : decode(uint(), stored);
}

/** Lease price in units, rounded down once a placement and period. */
export function leasePrice(placement: Pick<BilledPlacement, 'cpuMillis' | 'memoryBytes'>, durationMs: number): bigint {
  const ms = BigInt(durationMs);
  const cores = (BigInt(placement.cpuMillis) * ms * PRICE_CORE_HOUR_UNITS) / (1_000n * 3_600_000n);
  const memory = (BigInt(placement.memoryBytes) * ms * PRICE_GIB_HOUR_UNITS) / ((1n << 30n) * 3_600_000n);
  return cores + memory;
}

/** Bills lease time and countersigned requests since the last close and pays each provider once per app. */
export function closePeriod(state: StateWriter, view: PlacementView, time: number): Period {
  const number = lastPeriod(state) + 1;
  const from = readPeriod(state, number - 1)?.to ?? 0;
  if (time < from + PERIOD_MS_MIN) throw caesarError('caesar.period_too_early', { from, periodMsMin: PERIOD_MS_MIN });
  const totalBefore = totalUnits(state);
  const paid = new Map<string, bigint>();
  for (const [key, charge] of chargesOf(state, view, time)) {
    const amount = minimum(charge.amount, escrowAvailable(state, charge.owner, charge.app));
    if (amount === 0n) continue;
    const id = hashLabelled('caesar/settlement/1', Buffer.from(`${number}/${key}`)).subarray(0, 16);
    spendEscrow(state, { id, owner: charge.owner, app: charge.app, to: charge.to, amount }, time);
    paid.set(charge.to, (paid.get(charge.to) ?? 0n) + amount);
  }
  const totalAfter = totalUnits(state);
  assert(totalBefore === SUPPLY_UNITS && totalAfter === SUPPLY_UNITS, 'settlement moves units and makes none');
  const period: Period = {
    number,
    from,
    to: time,
    totalBefore,
    totalAfter,
    paid: [...paid].map(([account, amount]) => ({ account, amount })),
  };
  state.set(periodKey(number), encode(periodCodec, period));
  state.set(LAST, encode(uint(), number));
  return period;
}

/** Block time up to which the placement has been billed; undefined before its first bill. */
export function billedUntil(state: StateReader, placement: string): number | undefined {
  const stored = state.get(textKey('billed', placement));
  return stored === undefined ? undefined : decode(uint(), stored);
}

/** Whether nothing of the placement remains to be billed. */
export function isSettled(state: StateReader, placement: BilledPlacement): boolean {
  return placement.closedAt !== null && (billedUntil(state, placement.id) ?? placement.openedAt) >= placement.closedAt;
}

interface Charge {
  readonly owner: Uint8Array;
  readonly app: string;
  readonly to: string;
  readonly amount: bigint;
}

/** One charge an app and provider, in the order of the placements. */
function chargesOf(state: StateWriter, view: PlacementView, time: number): Map<string, Charge> {
  const charges = new Map<string, Charge>();
  let billed = 0;
  for (const placement of view.placements()) {
    if (isSettled(state, placement)) continue;
    if (++billed > PLACEMENTS_PER_CLOSE_MAX) break;
    const since = billedUntil(state, placement.id) ?? placement.openedAt;
    const until = Math.max(since, minimum(placement.closedAt ?? time, time));
    const requests = takeUnbilled(state, placement.id);
    const amount = leasePrice(placement, until - since) + BigInt(requests) * PRICE_REQUEST_UNITS;
    state.set(textKey('billed', placement.id), encode(uint(), until));
    const to = ownerAccount(placement.provider);
    const key = `${hex(placement.appOwner)}/${placement.app}/${to}`;
    const known = charges.get(key)?.amount ?? 0n;
    charges.set(key, { owner: placement.appOwner, app: placement.app, to, amount: known + amount });
  }
  return charges;
}

function minimum<T extends number | bigint>(a: T, b: T): T {
  return a < b ? a : b;
}

const LAST = textKey('period-last');

function periodKey(number: number): Uint8Array {
  return textKey('period', sortable(number));
}
