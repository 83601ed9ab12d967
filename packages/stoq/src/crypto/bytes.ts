import { timingSafeEqual } from 'node:crypto';

/** Whether both are the same bytes; the time depends on the lengths only. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Overwrites secrets with zeros. Copies made by the engine or the kernel are out of reach. */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}

/** The same memory as a plain `Uint8Array`: a `Buffer` differs in `slice` and is refused by some libraries. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
