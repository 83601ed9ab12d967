import { bytesUpTo, encode, struct, uint } from '@hypermesh/stoq';
import { describe, expect, test } from 'vitest';
import { type Bundle, decodeBundle, encodeBundle } from '../../src/certificate/bundle.ts';
import { CERTIFICATE_BYTES_MAX, INTERMEDIATE_COUNT_MAX, PROOF_HASHES_MAX } from '../../src/constants.ts';

const bundle: Bundle = {
  leaf: Uint8Array.of(0x30, 0x00),
  intermediates: [Uint8Array.of(0x30, 0x01)],
  logIndex: 7,
  inclusionProof: [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)],
  checkpoint: new TextEncoder().encode('origin\n8\nroot\n'),
  rotations: [],
};

describe('bundle format', () => {
  test('round-trips', () => {
    expect(decodeBundle(encodeBundle(bundle))).toEqual(bundle);
  });

  test('is the documented positional array', () => {
    expect(Buffer.from(encodeBundle({ ...bundle, inclusionProof: [], intermediates: [] })).toString('hex')).toBe(
      `8642300080` + `0780` + `4e${Buffer.from('origin\n8\nroot\n').toString('hex')}` + `80`,
    );
  });

  test.each([
    ['a leaf over the limit', { ...bundle, leaf: new Uint8Array(CERTIFICATE_BYTES_MAX + 1) }],
    ['too many intermediates', { ...bundle, intermediates: Array(INTERMEDIATE_COUNT_MAX + 1).fill(bundle.leaf) }],
    ['a proof longer than any tree', { ...bundle, inclusionProof: Array(PROOF_HASHES_MAX + 1).fill(new Uint8Array(32)) }],
  ])('%s is not encoded', (_, oversized) => {
    expect(() => encodeBundle(oversized)).toThrow(/limit/);
  });

  test.each([
    ['truncated', encodeBundle(bundle).subarray(0, -1)],
    ['trailing byte', Uint8Array.of(...encodeBundle(bundle), 0)],
    ['another object', encode(struct({ a: bytesUpTo(4), b: uint() }), { a: new Uint8Array(4), b: 1 })],
    ['empty', new Uint8Array()],
  ])('%s is refused with a code', (_, bytes) => {
    expect(() => decodeBundle(bytes)).toThrow(expect.objectContaining({ code: 'trustchain.bundle_malformed' }));
  });
});
