import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyTransfer,
  applyTransfers,
  available,
  balance,
  expirePending,
  issueSupply,
  posted,
  readAccount,
  readJournal,
  readTransfer,
  SUPPLY_UNITS,
  totalUnits,
  type Transfer,
} from '@hypermesh/caesar';
import { hasCode } from '@hypermesh/stoq';
import type { StateWriter } from '@hypermesh/mesh/machine';
import { createMapState, idOf } from '../map-state.ts';

const ALICE = 'owner/alice';
const BOB = 'owner/bob';

function funded(): StateWriter {
  const state = createMapState();
  issueSupply(state, [
    { account: ALICE, amount: 1_000n },
    { account: 'pool/rewards', amount: SUPPLY_UNITS - 1_000n },
  ]);
  return state;
}

function pending(id: number, amount: bigint, expires: number): Transfer {
  return { ...posted(idOf(id), ALICE, BOB, amount), kind: 'pending', expires };
}

function settle(id: number, kind: 'post' | 'void', of: Transfer): Transfer {
  return { ...of, id: idOf(id), kind, pendingId: of.id, expires: null };
}

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    return (error as { code?: string }).code ?? 'untyped';
  }
}

describe('ledger', () => {
  it('issues the fixed supply once and only in full', () => {
    expect(totalUnits(funded())).toBe(SUPPLY_UNITS);
    expect(codeOf(() => issueSupply(createMapState(), [{ account: ALICE, amount: 1n }]))).toBe('caesar.genesis_invalid');
  });

  it('moves units and keeps a hash-chained journal', () => {
    const state = funded();
    const before = readJournal(state);
    expect(applyTransfer(state, ALICE, posted(idOf(1), ALICE, BOB, 400n), 5)).toBe(true);
    expect(balance(readAccount(state, BOB)!)).toBe(400n);
    expect(available(readAccount(state, ALICE)!)).toBe(600n);
    expect(readJournal(state).count).toBe(before.count + 1);
    expect(readJournal(state).head).not.toEqual(before.head);
    expect(readTransfer(state, ALICE, idOf(1))).toMatchObject({ state: 'posted', time: 5 });
  });

  it('counts more than 64 bits of units through one account', () => {
    const state = createMapState();
    issueSupply(state, [{ account: ALICE, amount: SUPPLY_UNITS }]);
    const roundTrips = Number(2n ** 64n / SUPPLY_UNITS) + 1;
    for (let trip = 0; trip < roundTrips; trip++) {
      applyTransfer(state, ALICE, posted(idOf(trip), ALICE, BOB, SUPPLY_UNITS), 5);
      applyTransfer(state, BOB, posted(idOf(trip), BOB, ALICE, SUPPLY_UNITS), 5);
    }
    expect(readAccount(state, BOB)).toMatchObject({ creditsPosted: SUPPLY_UNITS * BigInt(roundTrips) });
    expect(balance(readAccount(state, ALICE)!)).toBe(SUPPLY_UNITS);
  });

  it('takes a retry for what it is and refuses a changed one', () => {
    const state = funded();
    applyTransfer(state, ALICE, posted(idOf(1), ALICE, BOB, 400n), 5);
    expect(applyTransfer(state, ALICE, posted(idOf(1), ALICE, BOB, 400n), 6)).toBe(false);
    expect(balance(readAccount(state, BOB)!)).toBe(400n);
    expect(codeOf(() => applyTransfer(state, ALICE, posted(idOf(1), ALICE, BOB, 401n), 6))).toBe('caesar.transfer_conflict');
  });

  it('holds, posts, voids and expires pending transfers', () => {
    const state = funded();
    const held = pending(1, 700n, 100);
    applyTransfer(state, ALICE, held, 5);
    expect(available(readAccount(state, ALICE)!)).toBe(300n);
    expect(balance(readAccount(state, BOB)!)).toBe(0n);
    applyTransfer(state, ALICE, settle(2, 'post', held), 6);
    expect(balance(readAccount(state, BOB)!)).toBe(700n);
    expect(codeOf(() => applyTransfer(state, ALICE, settle(3, 'void', held), 6))).toBe('caesar.transfer_settled');

    const voided = pending(4, 300n, 100);
    applyTransfer(state, ALICE, voided, 7);
    applyTransfer(state, ALICE, settle(5, 'void', voided), 8);
    expect(available(readAccount(state, ALICE)!)).toBe(300n);

    const lapsed = pending(6, 300n, 100);
    applyTransfer(state, ALICE, lapsed, 9);
    expirePending(state, 99);
    expect(available(readAccount(state, ALICE)!)).toBe(0n);
    expirePending(state, 100);
    expect(available(readAccount(state, ALICE)!)).toBe(300n);
    expect(codeOf(() => applyTransfer(state, ALICE, settle(7, 'post', lapsed), 101))).toBe('caesar.transfer_settled');
    expect(totalUnits(state)).toBe(SUPPLY_UNITS);
  });

  const refusals: [string, Transfer, string][] = [
    ['more than the account holds', posted(idOf(9), ALICE, BOB, 1_001n), 'caesar.funds_insufficient'],
    ['an unknown debit account', posted(idOf(9), BOB, ALICE, 1n), 'caesar.account_unknown'],
    ['a transfer to itself', posted(idOf(9), ALICE, ALICE, 1n), 'caesar.account_same'],
    ['nothing', posted(idOf(9), ALICE, BOB, 0n), 'caesar.amount_invalid'],
    ['more than the supply', posted(idOf(9), ALICE, BOB, SUPPLY_UNITS + 1n), 'caesar.amount_invalid'],
    ['a malformed account', posted(idOf(9), ALICE, 'Bob', 1n), 'caesar.account_invalid'],
    ['an over-long account', posted(idOf(9), ALICE, `owner/${'a'.repeat(160)}`, 1n), 'caesar.account_invalid'],
    ['a hold that is over already', pending(9, 1n, 5), 'caesar.operation_malformed'],
    ['a hold for ever', pending(9, 1n, 40 * 24 * 3_600_000), 'caesar.operation_malformed'],
    ['posting what was never held', settle(9, 'post', pending(8, 1n, 50)), 'caesar.transfer_unknown'],
  ];
  it.each(refusals)('refuses %s', (_name, transfer, code) => {
    expect(codeOf(() => applyTransfer(funded(), ALICE, transfer, 5))).toBe(code);
  });

  it('refuses to post another amount than was held', () => {
    const state = funded();
    const held = pending(1, 10n, 50);
    applyTransfer(state, ALICE, held, 5);
    expect(codeOf(() => applyTransfer(state, ALICE, { ...settle(2, 'post', held), amount: 9n }, 6))).toBe('caesar.transfer_conflict');
  });

  it('leaves the same state for transfers together as one after the other', () => {
    const held = pending(3, 30n, 50);
    const transfers = [
      posted(idOf(1), ALICE, BOB, 100n),
      posted(idOf(2), ALICE, 'owner/carol', 5n),
      held,
      posted(idOf(1), ALICE, BOB, 100n),
      settle(4, 'post', held),
      posted(idOf(5), ALICE, BOB, 1n),
    ];
    const [together, apart] = [funded(), funded()];
    applyTransfers(together, ALICE, transfers, 5);
    for (const transfer of transfers) applyTransfer(apart, ALICE, transfer, 5);
    expect([...together.scan(new Uint8Array())]).toEqual([...apart.scan(new Uint8Array())]);
    expect(available(readAccount(together, ALICE)!)).toBe(864n);
  });

  it('agrees with a plain model over random operations, with zero drift', () => {
    const names = ['owner/a', 'owner/b', 'owner/c'];
    const step = fc.record({ from: fc.nat(2), to: fc.nat(2), amount: fc.bigInt({ min: -1n, max: 40n }), id: fc.nat(30) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const state = createMapState();
        const model = new Map(names.map((name) => [name, 100n]));
        issueSupply(state, [...names.map((account) => ({ account, amount: 100n })), { account: 'pool/rest', amount: SUPPLY_UNITS - 300n }]);
        for (const { from, to, amount, id } of steps) {
          const debit = names[from]!;
          const credit = names[to]!;
          try {
            if (applyTransfer(state, debit, posted(idOf(id), debit, credit, amount), 1)) {
              model.set(debit, model.get(debit)! - amount);
              model.set(credit, model.get(credit)! + amount);
            }
          } catch (error) {
            expect(hasCode(error, (error as { code: string }).code)).toBe(true);
          }
          expect(totalUnits(state)).toBe(SUPPLY_UNITS);
        }
        for (const name of names) {
          expect(balance(readAccount(state, name)!)).toBe(model.get(name));
          expect(model.get(name)! >= 0n).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });
});
