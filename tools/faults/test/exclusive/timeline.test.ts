import { describe, expect, test } from 'vitest';
import { overlaps, presencesOf } from '../../src/exclusive/timeline.ts';

const a = { instance: 'a', from: 0, to: 100 };

describe('overlaps', () => {
  test.each([
    ['one after the other', [a, { instance: 'b', from: 101, to: 200 }], 0],
    ['the second before the first has ended', [a, { instance: 'b', from: 90, to: 200 }], 1],
    ['in the same millisecond', [a, { instance: 'b', from: 100, to: 200 }], 1],
    ['one within the other, in any order', [{ instance: 'b', from: 40, to: 60 }, a], 1],
    ['three at once', [a, { ...a, instance: 'b' }, { ...a, instance: 'c' }], 3],
    ['the same instance twice', [a, { ...a, from: 50 }], 0],
    [
      'not neighbours in time',
      [
        { ...a, to: 500 },
        { instance: 'b', from: 510, to: 520 },
        { instance: 'c', from: 400, to: 405 },
      ],
      1,
    ],
    ['nothing', [], 0],
  ])('%s', (_name, presences, count) => {
    expect(overlaps(presences)).toHaveLength(count);
  });

  test('name both instances and how long they shared', () => {
    expect(overlaps([a, { instance: 'b', from: 90, to: 200 }])).toEqual(['a and b were both there for 10 ms']);
  });
});

test('the presence of an instance goes from its first to its last record', () => {
  const records = [
    { instance: 'a', at: 20 },
    { instance: 'b', at: 30 },
    { instance: 'a', at: 10 },
  ];
  expect(presencesOf(records)).toEqual([
    { instance: 'a', from: 10, to: 20 },
    { instance: 'b', from: 30, to: 30 },
  ]);
});
