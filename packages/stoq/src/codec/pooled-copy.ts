// Up to here the engine keeps an array in its own heap, where making one costs a tenth of outside.
const IN_HEAP_BYTES_MAX = 64;

/** A copy of some bytes, in memory that it may share with other small arrays. */
export function pooledCopy(source: Buffer, at: number, length: number): Uint8Array {
  if (length <= IN_HEAP_BYTES_MAX) return new Uint8Array(source.subarray(at, at + length));
  const copy = Buffer.allocUnsafe(length);
  source.copy(copy, 0, at, at + length);
  return new Uint8Array(copy.buffer, copy.byteOffset, length);
}
