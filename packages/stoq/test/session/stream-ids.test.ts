import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasCode } from '../../src/index.ts';
import { openerOf, SeenStreams, streamIdOf, streamIndexOf } from '../../src/session/stream-ids.ts';

const thrown = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('ids of streams', () => {
  test('belong to a side and a number', () => {
    fc.assert(
      fc.property(fc.constantFrom('client' as const, 'server' as const), fc.nat(2 ** 31 - 1), (opener, index) => {
        const id = streamIdOf(opener, index);
        expect(openerOf(id)).toBe(opener);
        expect(streamIndexOf(id)).toBe(index);
        expect(id).toBeGreaterThan(0);
      }),
    );
  });

  test('are seen once, in any order, within bounds', () => {
    const seen = new SeenStreams();
    expect([0, 2, 1, 2, 0, 3].map((index) => seen.mark(index))).toEqual([true, true, true, false, false, true]);
    expect([3, 4].map((index) => seen.has(index))).toEqual([true, false]);
    expect(seen.mark(4 + 65_536)).toBe(true);
    expect(seen.has(4 + 65_536)).toBe(true);
    expect(
      hasCode(
        thrown(() => seen.mark(4 + 65_537)),
        'stoq.record_malformed',
      ),
    ).toBe(true);
  });
});
