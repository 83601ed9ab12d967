import { encode as encodeCbor, rfc8949EncodeOptions } from 'cborg';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bigInt,
  bigUint,
  bool,
  bytes,
  bytesUpTo,
  type Codec,
  decode,
  encode,
  hasCode,
  list,
  mapped,
  oneOf,
  optional,
  struct,
  text,
  uint,
  uint128,
  union,
  withEncoding,
} from '@hypermesh/stoq';

const vote = struct({ mesh: bytes(4), round: uint(), voter: text(16), weight: optional(bigUint(64)), tags: list(uint(9), 3) });
const event = union({ vote, note: struct({ text: text(8), urgent: bool }) });

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return hasCode(error, (error as { code: string }).code) ? (error as { code: string }).code : 'untyped';
  }
  return 'none';
}

describe('canonical codec', () => {
  it('is positional, canonical CBOR', () => {
    const encoded = encode(vote, { mesh: new Uint8Array([1, 2, 3, 4]), round: 24, voter: 'a', weight: null, tags: [1] });
    expect(Buffer.from(encoded).toString('hex')).toBe('854401020304181861 61f68101'.replace(' ', ''));
  });

  it('round-trips whatever it can encode', () => {
    fc.assert(
      fc.property(
        fc.record({
          mesh: fc.uint8Array({ minLength: 4, maxLength: 4 }),
          round: fc.maxSafeNat(),
          voter: fc.string({ maxLength: 16 }).filter((s) => s.isWellFormed()),
          weight: fc.option(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
          tags: fc.array(fc.nat(9), { maxLength: 3 }),
        }),
        (value) => {
          expect(decode(vote, encode(vote, value))).toEqual(value);
          const tagged = { kind: 'vote' as const, ...value };
          expect(decode(event, encode(event, tagged))).toEqual(tagged);
        },
      ),
    );
  });

  it('survives any bytes with a typed refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (input) => {
        const code = codeOf(() => decode(event, input));
        expect(['none', 'stoq.codec_malformed', 'stoq.codec_limit']).toContain(code);
        if (code === 'none') expect(Buffer.from(encode(event, decode(event, input)))).toEqual(Buffer.from(input));
      }),
      { numRuns: 2_000 },
    );
  });

  const hexadecimal = mapped(
    text(4),
    (inner) => Number.parseInt(inner, 16),
    (outer: number) => outer.toString(16),
  );
  const refusals: [string, Codec<unknown>, string, string][] = [
    ['a head longer than needed', uint(), '1801', 'stoq.codec_malformed'],
    ['trailing bytes', uint(), '0101', 'stoq.codec_malformed'],
    ['an indefinite array', list(uint(), 2) as Codec<unknown>, '9f01ff', 'stoq.codec_malformed'],
    ['a map', uint(), 'a0', 'stoq.codec_malformed'],
    ['a tag', uint(), 'c101', 'stoq.codec_malformed'],
    ['a float', uint(), 'f93c00', 'stoq.codec_malformed'],
    ['undefined', uint(), 'f7', 'stoq.codec_malformed'],
    ['a truncated head', uint(), '19', 'stoq.codec_malformed'],
    ['an integer over its maximum', uint(5), '06', 'stoq.codec_malformed'],
    ['a negative unsigned integer', bigUint(64), '20', 'stoq.codec_malformed'],
    ['an integer over its width', bigInt(8), '1880', 'stoq.codec_malformed'],
    ['text as bytes', bytesUpTo(9), '6161', 'stoq.codec_malformed'],
    ['too many bytes', bytesUpTo(1), '420102', 'stoq.codec_limit'],
    ['too much text', text(1), '626161', 'stoq.codec_limit'],
    ['too many elements', list(uint(), 1) as Codec<unknown>, '820102', 'stoq.codec_limit'],
    ['nesting that no codec describes', uint(), '81'.repeat(10_000) + '01', 'stoq.codec_malformed'],
    ['an array that announces more than there is', list(uint(), 9) as Codec<unknown>, '8901', 'stoq.codec_malformed'],
    ['a byte string that announces more than there is', bytesUpTo(9), '4901', 'stoq.codec_malformed'],
    ['a byte string of another length', bytes(2), '43010203', 'stoq.codec_malformed'],
    ['text that is not UTF-8', text(9), '62c328', 'stoq.codec_malformed'],
    ['a head of 64 bits that is longer than needed', bigUint(64), '1b00000000ffffffff', 'stoq.codec_malformed'],
    ['an integer beyond the safe range', uint(), '1b0020000000000000', 'stoq.codec_malformed'],
    ['nothing', uint(), '', 'stoq.codec_malformed'],
    ['a number for a wide integer of text', bigInt(64), '6131', 'stoq.codec_malformed'],
    ['another form of a mapped object', hexadecimal as Codec<unknown>, '624146', 'stoq.codec_malformed'],
    ['a short struct', vote as Codec<unknown>, '80', 'stoq.codec_malformed'],
    ['an unknown kind', event as Codec<unknown>, '826178f6', 'stoq.codec_malformed'],
    [
      'a kind of the prototype',
      union({ vote, aKindOfTheSameLength: vote }) as Codec<unknown>,
      '82' + '6b' + Buffer.from('constructor').toString('hex') + 'f6',
      'stoq.codec_malformed',
    ],
    ['an unknown word', oneOf('a', 'b') as Codec<unknown>, '6163', 'stoq.codec_malformed'],
    ['a number as boolean', bool as Codec<unknown>, '01', 'stoq.codec_malformed'],
    ['128 bits in one word', uint128, '01', 'stoq.codec_malformed'],
    ['128 bits in three words', uint128, '83000000', 'stoq.codec_malformed'],
  ];
  it.each(refusals)('refuses %s', (_name, codec, hex, code) => {
    expect(codeOf(() => decode(codec, Buffer.from(hex, 'hex')))).toBe(code);
  });

  it('refuses to encode what it would refuse to decode', () => {
    expect(codeOf(() => encode(bytes(2), new Uint8Array(3)))).toBe('stoq.codec_malformed');
    expect(codeOf(() => encode(bytesUpTo(2), new Uint8Array(3)))).toBe('stoq.codec_limit');
    expect(codeOf(() => encode(text(1), 'ab'))).toBe('stoq.codec_limit');
    expect(codeOf(() => encode(uint(), 1.5))).toBe('stoq.codec_malformed');
    expect(codeOf(() => encode(bigUint(8), 256n))).toBe('stoq.codec_malformed');
    expect(codeOf(() => encode(list(uint(), 1), [1, 2]))).toBe('stoq.codec_limit');
    expect(codeOf(() => decode(uint(), new Uint8Array(9), 8))).toBe('stoq.codec_limit');
  });

  it.each<[string, Codec<never>, unknown]>([
    ['a text for bytes', bytes(3) as Codec<never>, 'abc'],
    ['wider numbers for bytes', bytesUpTo(9) as Codec<never>, new Uint16Array([257])],
    ['a word that is none', oneOf('a', 'b') as Codec<never>, 'c'],
    ['nothing for a boolean', bool as Codec<never>, undefined],
    ['a text for a wide integer', bigInt(64) as Codec<never>, '5'],
    ['a number for 128 bits', uint128 as Codec<never>, 5],
    ['a negative number of 128 bits', uint128 as Codec<never>, -1n],
    ['more than 128 bits', uint128 as Codec<never>, 1n << 128n],
    ['a set for a list', list(uint(), 4) as Codec<never>, new Set([1])],
  ])('refuses to encode %s, whatever the types were told', (_, codec, object) => {
    expect(codeOf(() => encode(codec, object as never))).toBe('stoq.codec_malformed');
  });

  it('refuses a union whose body would take the place of the kind', () => {
    const confused = union({ a: struct({ kind: uint(), x: uint() }) });
    expect(codeOf(() => decode(confused, Buffer.from('826161820506', 'hex')))).toBe('stoq.codec_malformed');
  });

  it('knows no single integers of more than 64 bits', () => {
    expect(() => bigUint(65)).toThrow('at most 64 bits');
  });

  it.each<[bigint, string]>([
    [0n, '820000'],
    [(1n << 64n) - 1n, '82001bffffffffffffffff'],
    [1n << 64n, '820100'],
    [(1n << 128n) - 1n, '821bffffffffffffffff1bffffffffffffffff'],
  ])('writes %s of 128 bits as two words', (value, hex) => {
    expect(Buffer.from(encode(uint128, value)).toString('hex')).toBe(hex);
    expect(decode(uint128, Buffer.from(hex, 'hex'))).toBe(value);
  });

  it('maps to other types', () => {
    expect(decode(hexadecimal, encode(hexadecimal, 0xaf))).toBe(0xaf);
  });

  it('encodes as another implementation of RFC 8949 does', () => {
    const every = struct({ n: uint(), wide: bigInt(64), text: text(300), bytes: bytesUpTo(300), is: bool, none: optional(bool) });
    const object = fc.record({
      n: fc.maxSafeNat(),
      wide: fc.oneof(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), fc.bigInt({ min: -300n, max: 300n })),
      text: fc.string({ unit: 'grapheme', maxLength: 60 }),
      bytes: fc.uint8Array({ maxLength: 300 }),
      is: fc.boolean(),
      none: fc.constant(null),
    });
    fc.assert(
      fc.property(object, (value) => {
        const other = encodeCbor([value.n, value.wide, value.text, value.bytes, value.is, value.none], rfc8949EncodeOptions);
        expect(Buffer.from(encode(every, value))).toEqual(Buffer.from(other));
      }),
      { numRuns: 500 },
    );
  });

  it('gives memory of its own to what it encodes and decodes', () => {
    const first = encode(bytesUpTo(9), new Uint8Array([1, 2]));
    const second = encode(bytesUpTo(9), new Uint8Array([3, 4]));
    const read = decode(bytesUpTo(9), first);
    first.fill(0);
    expect([...read, ...second]).toEqual([1, 2, 0x42, 3, 4]);
    for (const own of [encode(bytesUpTo(900), new Uint8Array(500)), decode(bytesUpTo(900), encode(bytesUpTo(900), new Uint8Array(500)))]) {
      expect(own.buffer.byteLength).toBe(own.length);
    }
  });

  it('lends what it encodes, and takes it back', () => {
    const codec = bytesUpTo(10_000);
    for (const length of [3, 9_000]) {
      const object = new Uint8Array(length).fill(7);
      const seen = withEncoding(codec, object, (encoded) => ({ encoded, copy: Uint8Array.from(encoded), other: encode(text(3), 'abc') }));
      expect(seen.copy).toEqual(encode(codec, object));
      expect(seen.other).toEqual(encode(text(3), 'abc'));
      expect([...seen.encoded].every((byte) => byte === 0)).toBe(true);
    }
    const failing = (): never => {
      throw new RangeError('not now');
    };
    expect(() => withEncoding(codec, new Uint8Array(1), failing)).toThrow('not now');
    expect(encode(text(3), 'abc')).toEqual(new Uint8Array([0x63, 0x61, 0x62, 0x63]));
  });

  it('keeps integers whole around every length of a head', () => {
    for (const power of [0, 8, 16, 31, 32, 33, 52, 53, 54, 63]) {
      for (const value of [2n ** BigInt(power) - 1n, 2n ** BigInt(power), 2n ** BigInt(power) + 1n]) {
        expect(decode(bigUint(64), encode(bigUint(64), value))).toBe(value);
        for (const wide of [value, value << 64n, (value << 64n) + value]) expect(decode(uint128, encode(uint128, wide))).toBe(wide);
      }
    }
    expect(codeOf(() => decode(bigUint(64), Buffer.from('1b00000000ffffffff', 'hex')))).toBe('stoq.codec_malformed');
    expect(decode(bigUint(64), Buffer.from('1b0000000100000000', 'hex'))).toBe(2n ** 32n);
  });

  it('encodes within an encoder', () => {
    const inner = mapped(
      bytesUpTo(9),
      (encoded) => decode(uint(), encoded),
      (n: number) => encode(uint(), n),
    );
    const pair = struct({ first: inner, second: inner });
    expect(decode(pair, encode(pair, { first: 500, second: 7 }))).toEqual({ first: 500, second: 7 });
  });

  it('grows for what is large, and refuses what no UTF-8 has', () => {
    const large = 'é'.repeat(100_000);
    expect(decode(text(100_000), encode(text(100_000), large))).toBe(large);
    expect(codeOf(() => encode(text(9), '\ud800'))).toBe('stoq.codec_malformed');
  });
});
