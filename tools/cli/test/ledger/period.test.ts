import { ownerAccount, UNITS_PER_CAES } from '@hypermesh/caesar/client';
import { expect, test } from 'vitest';
import { paidRows } from '../../src/ledger/period.ts';

test('who was paid is told by name where a member has the account', () => {
  const id = new Uint8Array(32).fill(7);
  const account = ownerAccount(id);
  const paid = [
    { account, amount: 2n * UNITS_PER_CAES },
    { account: 'pool/rewards', amount: 1n },
  ];
  expect(paidRows(paid, [{ id, name: 'node-1' }])).toEqual([
    ['node-1', account, '2'],
    ['', 'pool/rewards', '0.000000001'],
  ]);
});
