import { describe, expect, test } from 'vitest';
import { assertPlainName, decodeAlternativeNames, encodeAlternativeNames } from '../../src/certificate/alternative-names.ts';
import { wrapDer } from '../../src/certificate/der.ts';
import { assertCommonName, encodeName, readCommonName } from '../../src/certificate/distinguished-name.ts';
import { SAN_COUNT_MAX } from '../../src/constants.ts';

const refused = expect.objectContaining({ code: 'trustchain.name_refused' });
const malformed = expect.objectContaining({ code: 'trustchain.certificate_malformed' });

describe('plain names', () => {
  test.each(['trust.mesh', 'node-1.mesh', 'a', `${'a'.repeat(63)}.mesh`, '2001:db8::1', '::1', 'fd00::'])('%s is accepted', (name) => {
    expect(() => assertPlainName(name)).not.toThrow();
  });

  test.each([
    '',
    '*.mesh',
    'a..mesh',
    'trust.mesh.',
    'Trust.mesh',
    '-a.mesh',
    'a-.mesh',
    'a_b.mesh',
    'münchen.mesh',
    `${'a'.repeat(64)}.mesh`,
    `${'a.'.repeat(127)}mesh`,
    '192.0.2.1',
    'host.1',
    '2001:DB8::1',
    '2001:db8:0:0:0:0:0:1',
    '::ffff:192.0.2.1',
    '::ffff:c000:201',
    'fe80::1%eth0',
    '1::2::3',
  ])('%s is refused', (name) => expect(() => assertPlainName(name)).toThrow(refused));
});

describe('subjectAltName', () => {
  test('round-trips DNS names, IPv6 addresses and URIs', () => {
    const names = { uris: ['mesh://abc'], names: ['trust.mesh', '2001:db8::1', '::1'] };
    expect(decodeAlternativeNames(encodeAlternativeNames(names))).toEqual(names);
  });

  test('101 names are refused both ways', () => {
    const names = Array.from({ length: SAN_COUNT_MAX + 1 }, (_, i) => `n${i}.mesh`);
    expect(() => encodeAlternativeNames({ uris: [], names })).toThrow(refused);
    const full = encodeAlternativeNames({ uris: [], names: names.slice(0, 100) });
    expect(decodeAlternativeNames(full).names).toHaveLength(SAN_COUNT_MAX);
  });

  test.each([
    ['an IPv4 address', '30068704c0000201', refused],
    ['an e-mail address', '30038101' + '61', refused],
    ['a wildcard', '3008' + '8206' + Buffer.from('*.mesh').toString('hex'), refused],
    ['a name with NUL', '3007' + '8205' + '612e006d65', refused],
    ['a duplicate', '3006' + '820161'.repeat(2), malformed],
    ['a bare value', '820161', malformed],
  ])('%s is refused', (_, hex, error) => {
    expect(() => decodeAlternativeNames(Uint8Array.from(Buffer.from(hex, 'hex')))).toThrow(error);
  });
});

describe('common names', () => {
  test('round-trip', () => expect(readCommonName(encodeName('node:abc 1.mesh'), 'x')).toBe('node:abc 1.mesh'));

  test.each(['a'.repeat(65), '', ' a', 'a,O=b', 'a"b', 'a\0b', 'a/CN=b'])('%j is refused', (name) => {
    expect(() => assertCommonName(name)).toThrow(refused);
    expect(() => encodeName(name)).toThrow(refused);
  });

  const commonName = wrapDer(0x06, [Uint8Array.of(0x55, 0x04, 0x03)]);
  const organisation = wrapDer(0x06, [Uint8Array.of(0x55, 0x04, 0x0a)]);
  const value = wrapDer(0x0c, [Uint8Array.of(0x61)]);
  const attribute = wrapDer(0x30, [commonName, value]);
  const set = wrapDer(0x31, [attribute]);

  test('the pieces of the cases below make a name', () => expect(readCommonName(wrapDer(0x30, [set]), 'x')).toBe('a'));

  test.each([
    ['a second attribute', wrapDer(0x30, [wrapDer(0x31, [attribute, attribute])])],
    ['two relative names', wrapDer(0x30, [set, set])],
    ['another attribute type', wrapDer(0x30, [wrapDer(0x31, [wrapDer(0x30, [organisation, value])])])],
    ['a PrintableString', wrapDer(0x30, [wrapDer(0x31, [wrapDer(0x30, [commonName, wrapDer(0x13, [Uint8Array.of(0x61)])])])])],
    ['a SET instead of a SEQUENCE', wrapDer(0x31, [set])],
    ['an empty name', wrapDer(0x30, [])],
  ])('%s is refused', (_, der) => expect(() => readCommonName(der, 'x')).toThrow(malformed));
});
