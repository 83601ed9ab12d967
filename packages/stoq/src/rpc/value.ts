// Limits that the two directions of the value codec share.

// The deepest contract (a page of objects that carry maps of lists) is 6 deep.
export const VALUE_DEPTH_MAX: number = 16;
// Bounds what 16 MiB of one-byte values would allocate as objects: about 10 MiB instead of 500.
export const VALUES_MAX: number = 262_144;
// 512 bits; the widest amounts are 128 bits.
export const BIGINT_BYTES_MAX: number = 64;

// Keys that would reach a prototype where a receiver copies objects carelessly.
const RESERVED_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

export function isReservedKey(key: string): boolean {
  return RESERVED_KEYS.has(key);
}
