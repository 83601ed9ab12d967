import { encode as cborEncode, rfc8949EncodeOptions } from 'cborg';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BIGINT_BYTES_MAX, CodedError, decodeValue, encodeValue, VALUE_DEPTH_MAX, VALUES_MAX } from '@hypermesh/stoq';

const BYTES_MAX = 1024 * 1024;

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof CodedError ? error.code : `untyped ${String(error)}`;
  }
  return 'none';
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

function nested(depth: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const key = text.filter((name) => !['__proto__', 'constructor', 'prototype'].includes(name));
const leaf = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
  fc.bigInt({ min: -(1n << 511n), max: 1n << 511n }),
  text,
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 40 }),
);
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.uniqueArray(fc.tuple(key, tie('value')), { maxLength: 6, selector: ([name]) => name }).map((entries) => Object.fromEntries(entries)),
  ),
}));

describe('values of calls', () => {
  it.each<[string, unknown, string]>([
    ['small integer', 23, '17'],
    ['largest safe integer', Number.MAX_SAFE_INTEGER, '1b 001fffffffffffff'],
    ['least safe integer', Number.MIN_SAFE_INTEGER, '3b 001ffffffffffffe'],
    ['minus zero, as zero', -0, '00'],
    ['fraction', 1.5, 'fb 3ff8000000000000'],
    ['integer beyond the safe range', 2 ** 60, 'fb 43b0000000000000'],
    ['bigint', 5n, 'c2 41 05'],
    ['bigint zero', 0n, 'c2 40'],
    ['negative bigint', -256n, 'c3 41 ff'],
    ['keys by length, then bytes', { b: 1, aa: 2, a: 3, é: 4 }, 'a4 6161 03 6162 01 626161 02 62c3a9 04'],
    ['undefined properties, left out', { a: undefined, b: null }, 'a1 6162 f6'],
  ])('%s', (_, value, hex) => {
    expect(Buffer.from(encodeValue(value, BYTES_MAX))).toEqual(Buffer.from(fromHex(hex)));
  });

  it('gives back what was sent, with its types', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(decodeValue(encodeValue(value, BYTES_MAX))).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it('encodes maps, texts and integers as another implementation of RFC 8949 does', () => {
    const common = fc.dictionary(key, fc.oneof(fc.maxSafeInteger(), text, fc.boolean(), fc.array(fc.nat(), { maxLength: 30 })), {
      maxKeys: 30,
    });
    fc.assert(
      fc.property(common, (value) => {
        const plain = { ...value };
        expect(Buffer.from(encodeValue(plain, BYTES_MAX))).toEqual(Buffer.from(cborEncode(plain, rfc8949EncodeOptions)));
      }),
    );
  });

  it.each<[string, string]>([
    ['empty', ''],
    ['trailing bytes', '00 00'],
    ['head not in shortest form', '18 17'],
    ['16-bit head not in shortest form', '19 00ff'],
    ['64-bit head not in shortest form', '1b 00000000ffffffff'],
    ['unsafe integer', '1b 0020000000000000'],
    ['unsafe negative integer', '3b 001fffffffffffff'],
    ['indefinite array', '9f ff'],
    ['integer as float', 'fb 3ff0000000000000'],
    ['minus zero', 'fb 8000000000000000'],
    ['not a number', 'fb 7ff8000000000000'],
    ['half precision', 'f9 3e00'],
    ['undefined', 'f7'],
    ['foreign tag', 'c0 60'],
    ['bignum with leading zero', 'c2 42 0001'],
    ['bignum of text', 'c2 61 61'],
    ['text that is not UTF-8', '61 ff'],
    ['array longer than the message', '9a ffffffff'],
    ['byte string longer than the message', '5b 7fffffffffffffff'],
    ['keys out of order', 'a2 6162 00 6161 00'],
    ['repeated key', 'a2 6161 00 6161 00'],
    ['key that is no text', 'a1 01 00'],
    ['reserved key', 'a1 69 5f5f70726f746f5f5f a0'],
    ['truncated map', 'a1 6161'],
  ])('refuses %s', (_, hex) => {
    expect(codeOf(() => decodeValue(fromHex(hex)))).toBe('stoq.codec_malformed');
  });

  it.each<[string, unknown]>([
    ['function', () => 0],
    ['undefined', undefined],
    ['symbol in a list', [Symbol('s')]],
    ['not a number', Number.NaN],
    ['lone surrogate', '\ud800'],
    ['class instance', new Date(0)],
    ['map', new Map()],
    ['own __proto__', JSON.parse('{"__proto__":1}')],
    ['constructor', { constructor: 1 }],
  ])('does not encode a %s', (_, value) => {
    expect(codeOf(() => encodeValue(value, BYTES_MAX))).toBe('stoq.codec_malformed');
  });

  it.each<[string, () => unknown]>([
    ['depth when encoding', () => encodeValue(nested(VALUE_DEPTH_MAX + 1), BYTES_MAX)],
    ['depth when decoding', () => decodeValue(fromHex('81'.repeat(VALUE_DEPTH_MAX + 1) + '00'))],
    [
      'count when encoding',
      () =>
        encodeValue(
          Array.from({ length: VALUES_MAX }, () => 0),
          BYTES_MAX,
        ),
    ],
    ['count when decoding', () => decodeValue(Buffer.concat([fromHex('9a 00040000'), Buffer.alloc(VALUES_MAX)]))],
    ['bigint when encoding', () => encodeValue(1n << BigInt(BIGINT_BYTES_MAX * 8), BYTES_MAX)],
    ['bigint when decoding', () => decodeValue(fromHex(`c2 58${(BIGINT_BYTES_MAX + 1).toString(16)}${'01'.repeat(BIGINT_BYTES_MAX + 1)}`))],
    ['bytes', () => encodeValue(new Uint8Array(100), 101)],
    ['bytes of a last small value', () => encodeValue([1, 2], 2)],
  ])('limits %s', (_, run) => {
    expect(codeOf(run)).toBe('stoq.codec_limit');
  });

  it('takes what is exactly at its limits', () => {
    expect(codeOf(() => decodeValue(encodeValue(nested(VALUE_DEPTH_MAX), BYTES_MAX)))).toBe('none');
    expect(
      codeOf(() =>
        decodeValue(
          encodeValue(
            Array.from({ length: VALUES_MAX - 1 }, () => 0),
            BYTES_MAX,
          ),
        ),
      ),
    ).toBe('none');
    expect(encodeValue(new Uint8Array(100), 102)).toHaveLength(102);
  });

  it('copies short byte strings, so that an id does not keep its message alive, and views long ones', () => {
    const message = encodeValue([new Uint8Array(32), new Uint8Array(20_000)], BYTES_MAX);
    const [short, long] = decodeValue(message) as [Uint8Array, Uint8Array];
    expect(short.buffer).not.toBe(message.buffer);
    expect(long.buffer).toBe(message.buffer);
  });

  it('answers any bytes with a value that encodes to them, or a typed refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        let value: unknown;
        try {
          value = decodeValue(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(CodedError);
          return;
        }
        expect(Buffer.from(encodeValue(value, BYTES_MAX))).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 5000 },
    );
  });
});
