import type { Prng } from '../prng.ts';

type Mutation = (bytes: Uint8Array, prng: Prng) => Uint8Array;

const MUTATIONS_MAX = 4;
// Heads of CBOR items (RFC 8949, section 3): each major type with lengths of no, 1, 2, 4 and 8 bytes, and the reserved ones.
const HEADS: readonly number[] = Array.from({ length: 8 }, (_, major) =>
  [0x00, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1f].map((low) => (major << 5) | low),
).flat();

const MUTATIONS: readonly Mutation[] = [
  (bytes, prng) => replaced(bytes, prng, (byte) => byte ^ (1 << prng.integer(0, 7))),
  (bytes, prng) => replaced(bytes, prng, () => prng.integer(0, 255)),
  (bytes, prng) => replaced(bytes, prng, () => prng.pick(HEADS)),
  (bytes, prng) => bytes.subarray(0, prng.integer(0, bytes.length)),
  (bytes, prng) => Buffer.concat([bytes, prng.bytes(prng.integer(1, 32))]),
  (bytes, prng) => spliced(bytes, prng, (at) => [prng.bytes(prng.integer(1, 8)), bytes.subarray(at)]),
  (bytes, prng) => spliced(bytes, prng, (at) => [bytes.subarray(Math.min(bytes.length, at + prng.integer(1, 8)))]),
  (bytes, prng) => spliced(bytes, prng, (at) => [bytes.subarray(Math.max(0, at - prng.integer(1, 64)), at), bytes.subarray(at)]),
  // A length far beyond what follows.
  (bytes, prng) => spliced(bytes, prng, (at) => [Uint8Array.of(prng.pick([0x5b, 0x7b, 0x9b, 0xbb]), ...prng.bytes(8)), bytes.subarray(at)]),
];

/** A copy with one to four random changes: bits, bytes, item heads, lengths, cuts, copies. */
export function mutated(bytes: Uint8Array, prng: Prng): Uint8Array {
  let result = bytes;
  for (let count = prng.integer(1, MUTATIONS_MAX); count > 0; count--) result = prng.pick(MUTATIONS)(result, prng);
  return Uint8Array.from(result);
}

function replaced(bytes: Uint8Array, prng: Prng, change: (byte: number) => number): Uint8Array {
  if (bytes.length === 0) return prng.bytes(1);
  const at = prng.integer(0, bytes.length - 1);
  return bytes.map((byte, index) => (index === at ? change(byte) : byte));
}

function spliced(bytes: Uint8Array, prng: Prng, rest: (at: number) => readonly Uint8Array[]): Uint8Array {
  const at = prng.integer(0, bytes.length);
  return Buffer.concat([bytes.subarray(0, at), ...rest(at)]);
}
