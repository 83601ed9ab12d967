import { expect, test } from 'vitest';
import { measureMachine } from '../src/caesar/machine.ts';
import { measureSchedule } from '../src/mesh/schedule.ts';

test('measures placement decisions', () => {
  const { name, unit, n, value } = measureSchedule(2);
  expect({ name, unit, n }).toEqual({ name: 'hypermesh.schedule.per_s', unit: 'per_s', n: 2 });
  expect(value).toBeGreaterThan(0);
});

test('measures transfers through the ledger, and finds the books balanced', () => {
  const { name, n, value, params } = measureMachine(1);
  expect({ name, n }).toEqual({ name: 'caesar.machine.transfers_per_s', n: 1 });
  expect(value).toBeGreaterThan(params.withStateRootPerS as number);
});
