import { createHasher, type Hasher, labelled } from '@hypermesh/stoq';

const NONCE_BYTES = 8;

/** Whether the hash of the payload and the nonce begins with `bits` zero bits. `label` names the object. */
export function isSolved(label: string, payload: Uint8Array, nonce: number, bits: number): boolean {
  return solves(createHasher(), inputOf(label, payload), nonce, bits);
}

/** The first nonce from `from` on that solves the puzzle: about 2^bits hashes. */
export function solvePuzzle(label: string, payload: Uint8Array, bits: number, from: number): number {
  const hasher = createHasher();
  const input = inputOf(label, payload);
  let nonce = from;
  while (!solves(hasher, input, nonce, bits)) nonce += 1;
  return nonce;
}

function inputOf(label: string, payload: Uint8Array): Uint8Array {
  const input = new Uint8Array(payload.length + NONCE_BYTES);
  input.set(payload);
  return labelled(label, input);
}

function solves(hasher: Hasher, input: Uint8Array, nonce: number, bits: number): boolean {
  new DataView(input.buffer, input.byteOffset).setBigUint64(input.length - NONCE_BYTES, BigInt(nonce));
  const digest = hasher.reset().update(input).digest();
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0) >>> (32 - bits) === 0 || bits === 0;
}
