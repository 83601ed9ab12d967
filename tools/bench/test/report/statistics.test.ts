import { expect, test } from 'vitest';
import { distributionOf, median, percentile } from '../../src/report/statistics.ts';

const HUNDRED = Array.from({ length: 100 }, (_, index) => 100 - index);

test.each([
  [HUNDRED, 50, 50],
  [HUNDRED, 95, 95],
  [HUNDRED, 99, 99],
  [HUNDRED, 100, 100],
  [[7], 1, 7],
  [[3, 1, 2], 50, 2],
  [[1, 2], 50, 1],
  [[1, 2, 3, 4], 75, 3],
])('takes the nearest rank of %j at %d percent', (sample, percent, expected) => {
  expect(percentile(sample, percent)).toBe(expected);
});

test('refuses an empty sample and a percentage outside its range', () => {
  expect(() => percentile([], 50)).toThrow(/of something/);
  expect(() => percentile([1], 0)).toThrow(/of something/);
  expect(() => percentile([1], 101)).toThrow(/of something/);
  expect(() => median([])).toThrow(/of something/);
});

test.each([
  [[5], 5],
  [[3, 1, 2], 2],
  [[4, 1, 3, 2], 2.5],
  [[10, 9, 1, 2], 5.5],
])('takes the middle of %j', (sample, expected) => {
  expect(median(sample)).toBe(expected);
});

test('leaves the sample as it was', () => {
  const sample = [3, 1, 2];
  distributionOf(sample);
  median(sample);
  expect(sample).toEqual([3, 1, 2]);
});
