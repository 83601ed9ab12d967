import { type Codec, decode, encode, text, uint } from '@hypermesh/stoq';
import type { StateReader, StateWriter } from '@hypermesh/mesh/machine';
import { PLACEMENTS_PER_CLOSE_MAX, PRICE_REQUEST_UNITS, PROVIDERS_PER_CLOSE_MAX } from '../constants.ts';
import { ownerAccount } from '../ledger/account.ts';
import { hex, textKey, textOfKey } from '../ledger/keys.ts';
import type { Bill } from '../metering/bill.ts';
import { leasedTime, leasePrice } from '../metering/price.ts';
import { forgetCounts, PLACEMENT_ID_LENGTH_MAX, takeRequests, unbilledRequests } from '../metering/request-count.ts';
import type { BilledPlacement, PlacementView } from './placement-view.ts';

/** What one app owes one provider: `amount` units for the lease time and the requests that are billed with it. */
export interface Charge extends Bill {
  readonly appOwner: Uint8Array;
  readonly app: string;
  /** Account of the provider. */
  readonly to: string;
  readonly amount: bigint;
}

/** Bills placements, beginning behind those of the last close: one charge an app and provider, in the order of the placements. */
export function takeCharges(state: StateWriter, view: PlacementView, time: number): readonly Charge[] {
  forgetGone(state, view);
  const charges = new Map<string, Charge>();
  const providers = new Set<string>();
  let billed = readCursor(state);
  let looked = 0;
  let cursor = FROM_THE_FIRST;
  for (const placement of view.placements(billed)) {
    providers.add(hex(placement.provider));
    if (++looked > PLACEMENTS_PER_CLOSE_MAX || providers.size > PROVIDERS_PER_CLOSE_MAX) {
      cursor = billed;
      break;
    }
    if (!isSettled(state, placement)) add(charges, takeCharge(state, placement, time));
    billed = placement.id;
  }
  state.set(CURSOR, encode(cursorCodec, cursor));
  return [...charges.values()];
}

/** Block time up to which the placement has been billed; undefined before its first bill. */
export function billedUntil(state: StateReader, placement: string): number | undefined {
  const stored = state.get(textKey(BILLED, placement));
  return stored === undefined ? undefined : decode(uint(), stored);
}

/** Whether nothing of the placement remains to be billed. */
export function isSettled(state: StateReader, { id, openedAt, closedAt }: Pick<BilledPlacement, 'id' | 'openedAt' | 'closedAt'>): boolean {
  return closedAt !== null && (billedUntil(state, id) ?? openedAt) >= closedAt && unbilledRequests(state, id) === 0;
}

function takeCharge(state: StateWriter, placement: BilledPlacement, time: number): Charge {
  const { id, app, appOwner, provider, openedAt, closedAt } = placement;
  const since = billedUntil(state, id) ?? openedAt;
  const until = Math.max(since, Math.min(closedAt ?? time, time));
  state.set(textKey(BILLED, id), encode(uint(), until));
  if (closedAt !== null) state.set(textKey(CLOSED, id), PRESENT);
  const leased = leasedTime(placement, until - since);
  const requests = takeRequests(state, id);
  const amount = leasePrice(leased) + BigInt(requests) * PRICE_REQUEST_UNITS;
  return { appOwner, app, to: ownerAccount(provider), amount, leased, requests };
}

function add(charges: Map<string, Charge>, charge: Charge): void {
  const key = `${hex(charge.appOwner)}/${charge.app}/${charge.to}`;
  const known = charges.get(key);
  if (known === undefined) return void charges.set(key, charge);
  charges.set(key, {
    ...charge,
    amount: known.amount + charge.amount,
    requests: known.requests + charge.requests,
    leased: {
      cpuMillisMs: known.leased.cpuMillisMs + charge.leased.cpuMillisMs,
      memoryByteMs: known.leased.memoryByteMs + charge.leased.memoryByteMs,
    },
  });
}

/** Drops what is kept of closed placements that the mesh has forgotten: it does so once they are settled. */
function forgetGone(state: StateWriter, view: PlacementView): void {
  const closed: string[] = [];
  for (const [key] of state.scan(textKey(CLOSED))) {
    if (closed.length >= PLACEMENTS_PER_CLOSE_MAX) break;
    closed.push(textOfKey(CLOSED, key));
  }
  for (const id of closed) {
    if (view.placement(id) !== undefined) continue;
    state.delete(textKey(BILLED, id));
    state.delete(textKey(CLOSED, id));
    forgetCounts(state, id);
  }
}

const BILLED = 'billed';
/** Placements that were closed when they were billed last. */
const CLOSED = 'billed-closed';
const PRESENT = Uint8Array.of(1);

/** Id of the last placement that the last close has come to. */
const CURSOR = textKey('billed-cursor');
const FROM_THE_FIRST = '';
const cursorCodec: Codec<string> = text(PLACEMENT_ID_LENGTH_MAX);

function readCursor(state: StateReader): string {
  const stored = state.get(CURSOR);
  return stored === undefined ? FROM_THE_FIRST : decode(cursorCodec, stored);
}
