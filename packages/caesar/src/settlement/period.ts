import assert from 'node:assert/strict';
import { bigUint, type Codec, decode, encode, hashLabelled, list, struct, text, uint } from '@hypermesh/stoq';
import type { StateReader, StateWriter } from '@hypermesh/mesh/machine';
import { PERIOD_MS_MIN, PROVIDERS_PER_CLOSE_MAX, SUPPLY_UNITS } from '../constants.ts';
import { caesarError } from '../errors.ts';
import { escrowAvailable, spendEscrow } from '../escrow/escrow.ts';
import { ACCOUNT_NAME_LENGTH_MAX } from '../ledger/account.ts';
import { readTotal } from '../ledger/books.ts';
import { hex, sortable, textKey } from '../ledger/keys.ts';
import { settleBill } from '../metering/bill.ts';
import { type Charge, takeCharges } from './charges.ts';
import type { PlacementView } from './placement-view.ts';

/** What a closed period says: who was paid how much, and that the books still balance. */
export interface Period {
  readonly number: number;
  /** Block times in milliseconds of the last close and of this one; placements beyond `PLACEMENTS_PER_CLOSE_MAX` wait for the next. */
  readonly from: number;
  readonly to: number;
  /** Sum of all balances in units, as the books keep it. */
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
  paid: list(struct({ account: text(ACCOUNT_NAME_LENGTH_MAX), amount: bigUint(64) }), PROVIDERS_PER_CLOSE_MAX),
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

/**
 * Bills lease time and countersigned requests since the last bills and pays each provider once per app. `after`: number of the
 * last closed period, so that two callers close one period and not two.
 */
export function closePeriod(state: StateWriter, after: number, view: PlacementView, time: number): Period {
  const last = lastPeriod(state);
  const from = readPeriod(state, last)?.to ?? 0;
  if (after !== last || time < from + PERIOD_MS_MIN) {
    throw caesarError('caesar.period_too_early', { last, from, periodMsMin: PERIOD_MS_MIN });
  }
  const number = last + 1;
  const totalBefore = readTotal(state);
  const paid = new Map<string, bigint>();
  for (const charge of takeCharges(state, view, time)) {
    settleBill(state, charge, charge);
    const amount = minimum(charge.amount, escrowAvailable(state, charge.appOwner, charge.app));
    if (amount === 0n) continue;
    pay(state, number, { ...charge, amount }, time);
    paid.set(charge.to, (paid.get(charge.to) ?? 0n) + amount);
  }
  const totalAfter = readTotal(state);
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

function pay(state: StateWriter, period: number, { appOwner, app, to, amount }: Charge, time: number): void {
  const content = Buffer.from(`${period}/${hex(appOwner)}/${app}/${to}`);
  const id = hashLabelled('caesar/settlement/1', content).subarray(0, TRANSFER_ID_BYTES);
  spendEscrow(state, { id, owner: appOwner, app, to, amount }, time);
}

function minimum(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

const TRANSFER_ID_BYTES = 16;
const LAST = textKey('period-last');

function periodKey(number: number): Uint8Array {
  return textKey('period', sortable(number));
}
