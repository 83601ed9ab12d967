import { describe, expect, test } from 'vitest';
import { formatCaes, parseCaes, parsePositiveCaes } from '../src/amount.ts';
import { formatBytes, formatTime, shortId } from '../src/text.ts';

describe('amounts', () => {
  test.each([
    { text: '0', units: 0n },
    { text: '1', units: 1_000_000_000n },
    { text: '12.5', units: 12_500_000_000n },
    { text: '0.000000001', units: 1n },
    { text: '9007199254.740993001', units: 9_007_199_254_740_993_001n },
  ])('$text is $units units, both ways', ({ text, units }) => {
    expect(parseCaes(text)).toBe(units);
    expect(formatCaes(units)).toBe(text);
  });

  test.each(['', '.5', '1.', '1,5', '-1', '+1', '1e3', '0x10', '1.0000000001', ' 1', '12345678901'])('%j is refused', (text) => {
    expect(() => parseCaes(text)).toThrow('Write an amount');
  });

  test('nothing is no payment', () => {
    expect(() => parsePositiveCaes('0.0')).toThrow('more than 0');
    expect(parsePositiveCaes('0.1')).toBe(100_000_000n);
  });

  test('a debt keeps its sign', () => {
    expect(formatCaes(-1_500_000_000n)).toBe('-1.5');
    expect(formatCaes(-1n)).toBe('-0.000000001');
  });
});

describe('text for people', () => {
  test.each([
    { bytes: 0, text: '0 B' },
    { bytes: 1023, text: '1023 B' },
    { bytes: 64 * 2 ** 20, text: '64 MiB' },
    { bytes: 1.5 * 2 ** 30, text: '1.5 GiB' },
  ])('$bytes bytes are $text', ({ bytes, text }) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test('times are universal, ids are short', () => {
    expect(formatTime(1_700_000_000_123)).toBe('2023-11-14T22:13:20Z');
    expect(shortId(`node:${'a'.repeat(52)}`)).toBe('node:aaaaaaaaaaaa');
  });
});
