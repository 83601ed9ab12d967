import { expect, test } from 'vitest';
import { handoutsOf, planOf } from '../../src/mesh/init.ts';

const OPTIONS = { name: 'lab', directory: 'd', trustchaind: ['h:1'], validator: [], user: 'ann', endowment: '2.5', parameter: [] };

test('a plan gathers the addresses of each validator and endows the first user', () => {
  const validator = [
    { name: 'a', value: 'h:2' },
    { name: 'b', value: 'h:3' },
    { name: 'a', value: 'i:2' },
  ];
  const plan = planOf({ ...OPTIONS, validator, parameter: [{ name: 'windowMs', value: '5000' }] });
  expect(plan.validators).toEqual([
    { name: 'a', addresses: ['h:2', 'i:2'] },
    { name: 'b', addresses: ['h:3'] },
  ]);
  expect(plan.endowments).toEqual([{ member: 'ann', amount: 2_500_000_000n }]);
  expect(plan.parameters).toEqual([{ name: 'windowMs', value: 5_000 }]);
});

test('every folder with keys has one holder', () => {
  const folders = handoutsOf(planOf({ ...OPTIONS, validator: [{ name: 'a', value: 'h:2' }] })).map(({ folder }) => folder);
  expect(folders).toEqual(
    expect.arrayContaining([
      'root',
      'nodes/trustchaind',
      'nodes/a',
      'nodes/catalogd',
      'nodes/caesard',
      'nodes/ann',
      'operators/operator-1',
    ]),
  );
  expect(new Set(folders).size).toBe(folders.length);
});
