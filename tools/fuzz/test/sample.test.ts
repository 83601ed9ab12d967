import { Prng } from '@hypermesh/testkit';
import { describe, expect, test } from 'vitest';
import { allContracts, SERVED_BY, targetsOf } from '../src/contracts.ts';
import { makeCall } from '../src/frames.ts';
import { randomValue, sample } from '../src/sample.ts';

const vocabulary = { bytes: [new Uint8Array(32).fill(7)], texts: ['known'] };
const SAMPLES = 300;

describe('contracts', () => {
  test('of all packages are found, and each has its place', () => {
    expect(
      allContracts()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(Object.keys(SERVED_BY).toSorted());
  });
});

describe('samples', () => {
  const targets = allContracts().flatMap(targetsOf);

  test.each(targets.map((target) => [target.method, target] as const))('of %s satisfy its schema', (_, { spec }) => {
    const prng = new Prng(3);
    const sound = Array.from({ length: SAMPLES }, () => spec.request.safeParse(sample(spec.request, prng, vocabulary)).success);
    expect(sound.filter(Boolean).length).toBeGreaterThan(SAMPLES / 4);
  });

  test('and calls repeat with the seed', () => {
    const [target] = targets;
    const calls = (seed: number): unknown[] => {
      const prng = new Prng(seed);
      return Array.from({ length: 50 }, () => makeCall(target!, prng, vocabulary));
    };
    expect(calls(5)).toEqual(calls(5));
    expect(calls(5)).not.toEqual(calls(6));
  });

  test('take words of the mesh', () => {
    const prng = new Prng(1);
    const { spec } = targets.find(({ method }) => method === 'mesh/1.query')!;
    const values = Array.from({ length: SAMPLES }, () => sample(spec.request, prng, vocabulary) as Record<string, unknown>);
    expect(values.some(({ machine }) => machine === 'known')).toBe(true);
    expect(values.some(({ argument }) => argument === vocabulary.bytes[0])).toBe(true);
  });

  test('without a schema have every type', () => {
    const prng = new Prng(1);
    const types = new Set(Array.from({ length: SAMPLES }, () => typeof randomValue(prng)));
    expect([...types].toSorted()).toEqual(['bigint', 'boolean', 'number', 'object', 'string']);
  });
});
