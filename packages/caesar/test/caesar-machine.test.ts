import { describe, expect, it } from 'vitest';
import {
  CAESAR_QUERIES,
  escrowAvailable,
  leasedTime,
  leasePrice,
  ownerAccount,
  posted,
  PRICE_CORE_HOUR_UNITS,
  PRICE_GIB_HOUR_UNITS,
  SUPPLY_UNITS,
  totalUnits,
} from '@hypermesh/caesar';
import { decode, encode, hashLabelled } from '@hypermesh/stoq';
import { codeOf, HOUR, Ledger, OWNER, PLACEMENT, PROVIDER, STRANGER } from './fixture.ts';
import { contextOf, idOf } from './map-state.ts';

describe('caesar machine', () => {
  it('bills lease time from escrow, once, and keeps the books at zero error', () => {
    const ledger = new Ledger();
    ledger.fund(1_000_000_000n);
    const period = ledger.close(HOUR, 0);
    expect(period).toMatchObject({ number: 1, from: 0, to: HOUR, totalBefore: SUPPLY_UNITS, totalAfter: SUPPLY_UNITS });
    expect(period.paid).toEqual([{ account: ownerAccount(PROVIDER), amount: PRICE_CORE_HOUR_UNITS + PRICE_GIB_HOUR_UNITS }]);
    const second = ledger.close(HOUR + 1_000, 1);
    expect(second.paid[0]?.amount).toBe(leasePrice(leasedTime(PLACEMENT, 1_000)));
    expect(totalUnits(ledger.state)).toBe(SUPPLY_UNITS);
  });

  it('never pays more than the escrow holds', () => {
    const ledger = new Ledger();
    ledger.fund(5n);
    const period = ledger.close(HOUR, 0);
    expect(period.paid).toEqual([{ account: ownerAccount(PROVIDER), amount: 5n }]);
    expect(escrowAvailable(ledger.state, OWNER, 'hello')).toBe(0n);
  });

  it('settles before it gives the rest of an escrow back', () => {
    const ledger = new Ledger();
    ledger.fund(1_000_000_000n);
    expect(codeOf(() => ledger.apply(OWNER, 2, { kind: 'escrow.close', id: idOf(2), app: 'hello' }))).toBe('caesar.escrow_in_use');
    ledger.placements = ledger.placements.map((placement) => ({ ...placement, closedAt: HOUR }));
    ledger.close(2 * HOUR, 0);
    ledger.apply(OWNER, 2 * HOUR, { kind: 'escrow.close', id: idOf(2), app: 'hello' });
    expect(codeOf(() => ledger.apply(OWNER, 2 * HOUR, { kind: 'escrow.close', id: idOf(3), app: 'hello' }))).toBe('caesar.escrow_unknown');
    const account = decode(
      CAESAR_QUERIES.account.answer,
      ledger.machine.query!(ledger.state, 'account', encode(CAESAR_QUERIES.account.argument, ownerAccount(OWNER))),
    );
    expect(account.balance).toBe(10_000_000_000n - PRICE_CORE_HOUR_UNITS - PRICE_GIB_HOUR_UNITS);
  });

  it('settles whatever ids the owner of an escrow has chosen', () => {
    const ledger = new Ledger();
    const key = `1/${Buffer.from(OWNER).toString('hex')}/hello/${ownerAccount(PROVIDER)}`;
    const id = hashLabelled('caesar/settlement/1', Buffer.from(key)).subarray(0, 16);
    ledger.placements = [];
    ledger.fund(1n);
    ledger.apply(OWNER, 1, { kind: 'escrow.close', id, app: 'hello' });
    ledger.fund(1_000_000_000n, 2);
    ledger.placements = [PLACEMENT];
    const period = ledger.close(HOUR, 0);
    expect(period.paid).toHaveLength(1);
  });

  it('leaves an escrow open when the id of its close was used before', () => {
    const ledger = new Ledger();
    ledger.placements = [];
    for (const id of [1, 2]) {
      ledger.fund(100n, id);
      const close = (): Uint8Array => ledger.apply(OWNER, id, { kind: 'escrow.close', id: idOf(7), app: 'hello' });
      expect(codeOf(close)).toBe(id === 1 ? 'none' : 'caesar.transfer_conflict');
    }
    expect(escrowAvailable(ledger.state, OWNER, 'hello')).toBe(100n);
  });

  it('lets nobody debit another account, mint or reach an escrow directly', () => {
    const ledger = new Ledger();
    const steal = posted(idOf(1), ownerAccount(OWNER), ownerAccount(STRANGER), 1n);
    const mint = posted(idOf(1), 'issuance', ownerAccount(STRANGER), 1n);
    const backdoor = posted(idOf(1), ownerAccount(OWNER), 'escrow/x', 1n);
    expect(codeOf(() => ledger.apply(STRANGER, 1, { kind: 'transfers', transfers: [steal] }))).toBe('caesar.not_authorised');
    expect(codeOf(() => ledger.apply(STRANGER, 1, { kind: 'transfers', transfers: [mint] }))).toBe('caesar.not_authorised');
    expect(codeOf(() => ledger.apply(OWNER, 1, { kind: 'transfers', transfers: [backdoor] }))).toBe('caesar.account_invalid');
    ledger.apply(OWNER, 1, { kind: 'transfers', transfers: [posted(idOf(1), ownerAccount(OWNER), ownerAccount(STRANGER), 3n)] });
    expect(totalUnits(ledger.state)).toBe(SUPPLY_UNITS);
  });

  it('closes one period for two callers, and none too early', () => {
    const ledger = new Ledger();
    expect(codeOf(() => ledger.close(999, 0))).toBe('caesar.period_too_early');
    ledger.close(5_000, 0);
    expect(codeOf(() => ledger.close(9_000, 0))).toBe('caesar.period_too_early');
  });

  it('answers queries and refuses unknown ones', () => {
    const ledger = new Ledger();
    ledger.fund(7n);
    const ask = <T>(method: keyof typeof CAESAR_QUERIES, argument: T): Uint8Array =>
      ledger.machine.query!(ledger.state, method, encode(CAESAR_QUERIES[method].argument as never, argument as never));
    expect(decode(CAESAR_QUERIES.escrow.answer, ask('escrow', { owner: OWNER, app: 'hello' }))).toMatchObject({ available: 7n });
    expect(decode(CAESAR_QUERIES.escrow.answer, ask('escrow', { owner: OWNER, app: 'other' }))).toBeNull();
    expect(decode(CAESAR_QUERIES['period.last'].answer, ask('period.last', 0))).toBe(0);
    expect(decode(CAESAR_QUERIES.period.answer, ask('period', 1))).toBeNull();
    expect(decode(CAESAR_QUERIES.accounts.answer, ask('accounts', ''))).toHaveLength(4);
    expect(decode(CAESAR_QUERIES.audit.answer, ask('audit', 0))).toMatchObject({ total: SUPPLY_UNITS, accounts: 4 });
    expect(codeOf(() => ask('account', 'owner/nobody'))).toBe('caesar.account_unknown');
    expect(codeOf(() => ledger.machine.query!(ledger.state, 'constructor', new Uint8Array()))).toBe('caesar.query_unknown');
  });

  it('refuses malformed operations with a code', () => {
    const ledger = new Ledger();
    expect(codeOf(() => ledger.machine.apply(ledger.state, new Uint8Array([0xff]), contextOf(OWNER, 1)))).toBe(
      'caesar.operation_malformed',
    );
  });
});
