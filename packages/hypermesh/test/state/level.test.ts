import { expect, test } from 'vitest';
import { numberKey, numberOf } from '../../src/state/level.ts';

const NUMBERS = [0, 1, 255, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 48, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER];

test('keys of numbers are in the order of the numbers, and lead back to them', () => {
  const keys = NUMBERS.map((number) => numberKey(7, number));
  expect(keys.map(numberOf)).toEqual(NUMBERS);
  expect(keys.toSorted((a, b) => Buffer.compare(a, b))).toEqual(keys);
  expect(keys.every((key) => key.length === 9 && key[0] === 7)).toBe(true);
});

test('a range may end above the safe integers', () => {
  const last = numberKey(7, Number.MAX_SAFE_INTEGER);
  expect(Buffer.compare(numberKey(7, Number.MAX_SAFE_INTEGER + 1_024), last)).toBe(1);
});

test.each([Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY, 2 ** 64])('%d has no key', (number) => {
  expect(() => numberKey(7, number)).toThrow(/integer|out of range/);
});
