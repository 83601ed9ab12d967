import { describe, expect, it } from 'vitest';
import { Prng } from '../src/prng.ts';

describe('Prng', () => {
  it('repeats itself for the same seed and differs for neighbouring ones', () => {
    const sequence = (seed: number): number[] => {
      const prng = new Prng(seed);
      return Array.from({ length: 8 }, () => prng.uint32());
    };
    expect(sequence(7)).toEqual(sequence(7));
    expect(sequence(7)).not.toEqual(sequence(8));
    expect(sequence(2 ** 32)).not.toEqual(sequence(0));
  });

  it('spreads integers over both ends of the range', () => {
    const prng = new Prng(1);
    const seen = new Set(Array.from({ length: 200 }, () => prng.integer(3, 6)));
    expect([...seen].toSorted((left, right) => left - right)).toEqual([3, 4, 5, 6]);
  });

  it('meets a probability within three standard deviations', () => {
    const prng = new Prng(2);
    const hits = Array.from({ length: 10_000 }, () => prng.chance(0.3)).filter(Boolean).length;
    expect(Math.abs(hits - 3_000)).toBeLessThan(3 * Math.sqrt(10_000 * 0.3 * 0.7));
  });

  it('shuffles without losing an item', () => {
    const items = Array.from({ length: 50 }, (_, index) => index);
    const shuffled = new Prng(3).shuffle(items);
    expect(shuffled).not.toEqual(items);
    expect(shuffled.toSorted((left, right) => left - right)).toEqual(items);
  });
});
