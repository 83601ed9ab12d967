import { hasCode } from '@hypermesh/stoq';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  childrenOf,
  cursorOf,
  readDer,
  readObjectId,
  readOctetBits,
  readSequence,
  readSmallInteger,
  readTime,
  readTrue,
  readUnsigned,
  readUtf8,
  wrapDer,
} from '../../src/certificate/der.ts';

const der = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const element = (hex: string) => readDer(der(hex), 'test');
const malformed = expect.objectContaining({ code: 'trustchain.certificate_malformed' });
const time = (tag: string, text: string) =>
  element(`${tag}${text.length.toString(16).padStart(2, '0')}${Buffer.from(text).toString('hex')}`);

describe('elements', () => {
  test.each([
    ['empty', ''],
    ['a tag alone', '30'],
    ['truncated body', '300201'],
    ['trailing byte', '300000'],
    ['indefinite length', '30800000'],
    ['long form for a short length', '308101ff'],
    ['length with a leading zero', `30820001ff`],
    ['length of four octets', '308400000001ff'],
    ['truncated length', '3082'],
    ['long tag', '1f8101ff'],
  ])('%s is refused', (_, hex) => expect(() => element(hex)).toThrow(malformed));

  test('long lengths are read', () => {
    for (const length of [127, 128, 255, 256, 65535, 65536]) {
      expect(readDer(wrapDer(0x04, [new Uint8Array(length)]), 'x').body.length).toBe(length);
    }
  });

  test('too many elements are refused before they pile up', () => {
    expect(() =>
      childrenOf(readDer(wrapDer(0x30, [new Uint8Array(2 * 129).fill(0).map((_, i) => (i % 2 === 0 ? 5 : 0))]), 'x'), 'x'),
    ).toThrow(malformed);
  });

  test('a cursor refuses the wrong tag, a missing and a left-over element', () => {
    const sequence = () => cursorOf(element('3006020101020102'), 'x');
    expect(() => sequence().take(0x04, 'a')).toThrow(malformed);
    const short = sequence();
    short.take(0x02, 'a');
    expect(() => short.end()).toThrow(malformed);
    expect(short.takeIf(0x04)).toBeNull();
    short.take(0x02, 'b');
    expect(() => short.take(0x02, 'c')).toThrow(malformed);
    expect(() => readSequence(der('020101'), 'x')).toThrow(malformed);
  });

  test('arbitrary bytes give an element or the named error, never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          expect(wrapDer(bytes[0] as number, [readDer(bytes, 'x').body])).toEqual(bytes);
        } catch (error) {
          expect(hasCode(error, 'trustchain.certificate_malformed')).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('values', () => {
  test.each([
    ['negative integer', () => readUnsigned(element('0201ff'), 'x')],
    ['padded integer', () => readUnsigned(element('02020001'), 'x')],
    ['empty integer', () => readUnsigned(element('0200'), 'x')],
    ['integer of another tag', () => readUnsigned(element('040101'), 'x')],
    ['integer too large for a small one', () => readSmallInteger(element('02020100'), 'x')],
    ['explicit FALSE', () => readTrue(element('010100'), 'x')],
    ['BER TRUE', () => readTrue(element('010101'), 'x')],
    ['bits that are no octets', () => readOctetBits(element('03020780'), 'x')],
    ['bit string without its first octet', () => readOctetBits(element('0300'), 'x')],
    ['empty object id', () => readObjectId(element('0600'), 'x')],
    ['padded object id', () => readObjectId(element('0603558001'), 'x')],
    ['truncated object id', () => readObjectId(element('06025584'), 'x')],
    ['another string type', () => readUtf8(element('130161'), 'x')],
    ['broken UTF-8', () => readUtf8(element('0c02c328'), 'x')],
    ['time without seconds', () => readTime(time('17', '2601010000Z'), 'x')],
    ['time with an offset', () => readTime(time('17', '260101000000+0000'), 'x')],
    ['time with fractions', () => readTime(time('18', '20600101000000.5Z'), 'x')],
    ['31 February', () => readTime(time('17', '260231000000Z'), 'x')],
    ['hour 24', () => readTime(time('17', '260101240000Z'), 'x')],
    ['GeneralizedTime before 2050', () => readTime(time('18', '20260101000000Z'), 'x')],
    ['a number for a time', () => readTime(element('020101'), 'x')],
  ])('%s is refused', (_, read) => expect(read).toThrow(malformed));

  test('known values are read', () => {
    expect(readObjectId(element('0603550448'), 'x')).toBe('2.5.4.72');
    expect(readObjectId(element('06082a8648ce3d040302'), 'x')).toBe('1.2.840.10045.4.3.2');
    expect(readObjectId(element('0603883703'), 'x')).toBe('2.999.3');
    expect(readTime(time('17', '260101000000Z'), 'x')).toBe(Date.UTC(2026, 0, 1));
    expect(readTime(time('17', '991231235959Z'), 'x')).toBe(Date.UTC(1999, 11, 31, 23, 59, 59));
    expect(readTime(time('18', '20500101000000Z'), 'x')).toBe(Date.UTC(2050, 0, 1));
    expect(readTrue(element('0101ff'), 'x')).toBe(true);
    expect(readSmallInteger(element('020105'), 'x')).toBe(5);
    expect(readUnsigned(element('02020080'), 'x')).toEqual(der('0080'));
  });
});
