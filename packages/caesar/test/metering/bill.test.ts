import { beforeEach, describe, expect, it } from 'vitest';
import { addRequests, escrowLeft, leasedTime, leasePrice, type LeasedTime, PRICE_REQUEST_UNITS } from '@hypermesh/caesar';
import { HOUR, Ledger, OWNER, PLACEMENT } from '../fixture.ts';
import { idOf } from '../map-state.ts';

const HELLO = { app: 'hello', appOwner: OWNER };
const HOUR_UNITS = leasePrice(leasedTime(PLACEMENT, HOUR));

let ledger: Ledger;
beforeEach(() => {
  ledger = new Ledger();
  ledger.fund(3n * HOUR_UNITS);
});

const left = (leased: LeasedTime): bigint => escrowLeft(ledger.state, HELLO, leased);

describe('what is left of an escrow', () => {
  it('is what was not leased yet, whether the lease was billed or not', () => {
    expect(left(leasedTime(PLACEMENT, 0))).toBe(3n * HOUR_UNITS);
    expect(left(leasedTime(PLACEMENT, HOUR))).toBe(2n * HOUR_UNITS);
    ledger.close(HOUR, 0);
    expect(left(leasedTime(PLACEMENT, HOUR))).toBe(2n * HOUR_UNITS);
    expect(left(leasedTime(PLACEMENT, 4 * HOUR))).toBe(-HOUR_UNITS);
  });

  it('pays for requests that are counted', () => {
    addRequests(ledger.state, HELLO, 10);
    expect(left(leasedTime(PLACEMENT, 0))).toBe(3n * HOUR_UNITS - 10n * PRICE_REQUEST_UNITS);
  });

  it('goes on when the escrow was closed and opened again', () => {
    ledger.placements = [{ ...PLACEMENT, closedAt: HOUR }];
    ledger.close(HOUR, 0);
    ledger.apply(OWNER, HOUR, { kind: 'escrow.close', id: idOf(2), app: 'hello' });
    expect(left(leasedTime(PLACEMENT, HOUR))).toBe(0n);
    ledger.fund(HOUR_UNITS, 3);
    expect(left(leasedTime(PLACEMENT, HOUR))).toBe(HOUR_UNITS);
  });
});
