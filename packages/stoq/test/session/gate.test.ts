import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { describe, expect, test } from 'vitest';
import { createHandshakeGate } from '../../src/index.ts';
import { prefixOf } from '../../src/session/gate.ts';

const thrown = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('the gate', () => {
  test('fills the bucket of each prefix with time', () => {
    const clock = new SteppedClock();
    const gate = createHandshakeGate(clock, { ratePerSecond: 2, burst: 3 });
    const tries = (address: string, count: number): number =>
      Array.from({ length: count }, () => thrown(() => gate.admit(address)())).filter((error) => error === undefined).length;
    expect(tries('10.0.0.1:5', 5)).toBe(3);
    expect(tries('10.0.0.200:5', 5)).toBe(0);
    expect(tries('10.0.1.1:5', 5)).toBe(3);
    clock.step(1_000);
    expect(tries('10.0.0.1:5', 5)).toBe(2);
    clock.step(60_000);
    expect(tries('10.0.0.1:5', 5)).toBe(3);
  });

  test('forgets the prefix that was quiet longest, never more than its limit', () => {
    const gate = createHandshakeGate(new SteppedClock(), { burst: 1, prefixesMax: 2 });
    const admits = (host: string): boolean => thrown(() => gate.admit(`${host}:1`)()) === undefined;
    expect([admits('a'), admits('b'), admits('a'), admits('c')]).toEqual([true, true, false, true]);
    expect([admits('a'), admits('b')]).toEqual([false, true]);
  });

  test.each([
    ['1.2.3.4:80', '1.2.3'],
    ['[::ffff:1.2.3.4]:80', '1.2.3'],
    ['[2001:db8:1:2345::1]:80', '2001:db8:1:2300'],
    ['[2001:db8::1]:80', '2001:db8:0:0'],
    ['[::1]:80', '0:0:0:0'],
    ['[1:2:3:4:5:6:7:8]:80', '1:2:3:0'],
    ['memory-1:80', 'memory-1'],
  ])('counts %s under %s', (address, prefix) => {
    expect(prefixOf(address)).toBe(prefix);
  });
});
