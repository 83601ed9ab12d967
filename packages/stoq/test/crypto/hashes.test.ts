import { blake3 as otherBlake3 } from '@noble/hashes/blake3.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blake3, blake3Text, hashLabelled, hashLabelledText, hashOfText, labelled, textOfHash } from '@hypermesh/stoq';

describe('BLAKE3', () => {
  it('is what another implementation gives, whatever was hashed before', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 4 }), (inputs) => {
        for (const input of inputs) expect(blake3(input)).toEqual(otherBlake3(input));
      }),
    );
  });

  it('has no text, and no bytes, of what is no hash', () => {
    for (const length of [0, 3, 31, 33]) expect(() => textOfHash(new Uint8Array(length))).toThrow('32 bytes');
    for (const text of ['', '!!!!', 'AAAA']) expect(() => hashOfText(text)).toThrow('the text of a hash');
    expect(() => hashLabelled('test/hash/1', [1, 2, 3] as never)).toThrow('bytes');
  });

  it('starts anew after an input that is none', () => {
    expect(() => hashLabelled('test/hash/1', {} as Uint8Array)).toThrow(/./);
    const one = new Uint8Array([1]);
    expect(Buffer.from(blake3(one)).toString('hex')).toBe(Buffer.from(otherBlake3(one)).toString('hex'));
  });

  it('gives each hash memory of its own', () => {
    const first = blake3(new Uint8Array([1]));
    const kept = [...first];
    blake3(new Uint8Array([2]));
    expect([...first]).toEqual(kept);
  });
});

describe('labels', () => {
  it('stand in front of what is hashed', () => {
    const input = labelled('test/hash/1', new Uint8Array([7]));
    expect(Buffer.from(input).toString('latin1')).toBe('test/hash/1\u0000\u0007');
    expect(hashLabelled('test/hash/1', new Uint8Array([7]))).toEqual(blake3(input));
  });

  it('stand in front of inputs of any length, whatever was hashed before', () => {
    for (const length of [0, 1, 4083, 4084, 4085, 10_000, 3]) {
      const input = new Uint8Array(length).fill(length);
      expect(hashLabelled('test/hash/1', input)).toEqual(otherBlake3(labelled('test/hash/1', input)));
    }
  });

  it.each([
    ['with a space', 'a b'],
    ['too long', 'x'.repeat(65)],
    ['that are none', ''],
  ])('are refused %s', (_, label) => {
    expect(() => labelled(label, new Uint8Array())).toThrow('a label is printable ASCII');
  });
});

describe('texts of hashes', () => {
  it('stand for the same bytes', () => {
    for (let byte = 0; byte < 256; byte++) {
      const input = new Uint8Array([byte]);
      const hash = blake3(input);
      expect(blake3Text(input)).toBe(textOfHash(hash));
      expect(hashOfText(textOfHash(hash))).toEqual(hash);
      expect(hashLabelledText('test/hash/1', input)).toBe(textOfHash(hashLabelled('test/hash/1', input)));
    }
  });
});
