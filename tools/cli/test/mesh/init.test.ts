import { expect, test } from 'vitest';
import { handoutsOf } from '../../src/mesh/init.ts';
import { planOf } from '../../src/mesh/plan.ts';

const OPTIONS = {
  name: 'lab',
  directory: 'd',
  trustchaind: ['10.0.0.1:1'],
  validator: [{ name: 'a', value: '10.0.0.1:2' }],
  user: 'ann',
  endowment: '2.5',
  parameter: [],
};

test('every folder with keys has one holder', () => {
  const folders = handoutsOf(planOf(OPTIONS)).map(({ folder }) => folder);
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
