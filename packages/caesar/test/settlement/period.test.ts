import { describe, expect, it } from 'vitest';
import { type BilledPlacement, ownerAccount, PLACEMENTS_PER_CLOSE_MAX, PROVIDERS_PER_CLOSE_MAX, UNITS_PER_CAES } from '@hypermesh/caesar';
import { codeOf, HOUR, Ledger, OWNER, PLACEMENT, PROVIDER, STRANGER } from '../fixture.ts';
import { idOf } from '../map-state.ts';

const RESULT_BYTES_MAX = 64 * 1024;

/** So many replicas in id order. */
function replicas(count: number, of: (at: number) => Partial<BilledPlacement>): BilledPlacement[] {
  return Array.from({ length: count }, (_, at) => ({ ...PLACEMENT, id: `hello-${String(at).padStart(5, '0')}`, ...of(at) }));
}

function idFilled(at: number): Uint8Array {
  const id = new Uint8Array(32).fill(5);
  new DataView(id.buffer).setUint32(0, at);
  return id;
}

describe('settlement', () => {
  it('looks at a bounded number of placements and goes on behind them', () => {
    const ledger = new Ledger();
    ledger.fund(UNITS_PER_CAES);
    ledger.placements = replicas(PLACEMENTS_PER_CLOSE_MAX + 2, (at) => ({
      cpuMillis: 1,
      memoryBytes: 0,
      provider: at < PLACEMENTS_PER_CLOSE_MAX ? PROVIDER : STRANGER,
    }));
    const payees = (time: number, after: number): string[] => ledger.close(time, after).paid.map(({ account }) => account);
    expect(payees(1_000, 0)).toEqual([ownerAccount(PROVIDER)]);
    expect(payees(2_000, 1)).toEqual([ownerAccount(STRANGER)]);
    expect(payees(3_000, 2)).toEqual([ownerAccount(PROVIDER)]);
  });

  it('pays so many providers that the period fits the result of its operation', () => {
    const ledger = new Ledger();
    ledger.fund(UNITS_PER_CAES);
    ledger.placements = replicas(PROVIDERS_PER_CLOSE_MAX + 100, (at) => ({ provider: idFilled(at) }));
    const result = ledger.apply(STRANGER, 1_000, { kind: 'period.close', after: 0 });
    expect(result.length).toBeLessThan(RESULT_BYTES_MAX);
    expect(ledger.close(2_000, 1).paid).toHaveLength(100);
  });

  it('walks nothing for a close that it refuses', () => {
    const ledger = new Ledger();
    ledger.fund(UNITS_PER_CAES);
    ledger.close(HOUR, 0);
    const { looked } = ledger;
    const refusals: [number, number][] = [
      [2 * HOUR, 0],
      [2 * HOUR, 2],
      [HOUR + 999, 1],
    ];
    for (const [time, after] of refusals) expect(codeOf(() => ledger.close(time, after))).toBe('caesar.period_too_early');
    ledger.placements = replicas(10, () => ({ app: 'other' }));
    const closeEscrow = (): unknown => ledger.apply(STRANGER, HOUR, { kind: 'escrow.close', id: idOf(2), app: 'other' });
    expect(codeOf(closeEscrow)).toBe('caesar.escrow_unknown');
    expect(ledger.looked).toBe(looked);
  });

  it('looks at the placements of the app alone before its escrow closes', () => {
    const ledger = new Ledger();
    ledger.fund(UNITS_PER_CAES);
    ledger.placements = replicas(10, () => ({ app: 'other' }));
    ledger.apply(OWNER, HOUR, { kind: 'escrow.close', id: idOf(2), app: 'hello' });
    expect(ledger.looked).toBe(0);
  });
});
