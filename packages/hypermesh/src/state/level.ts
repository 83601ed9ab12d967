import { strict as assert } from 'node:assert';
import { Level } from 'level';
import { hypermeshError } from '../errors.ts';

const UINT32_SPAN = 2 ** 32;
const NUMBER_BYTES = 8;

export type BytesLevel = Level<Uint8Array, Uint8Array>;

/** Throws `hypermesh.state_corrupt` when the database cannot be opened. */
export async function openLevel(directory: string): Promise<BytesLevel> {
  const db = new Level<Uint8Array, Uint8Array>(directory, { keyEncoding: 'view', valueEncoding: 'view' });
  try {
    await db.open();
  } catch (cause) {
    throw hypermeshError('hypermesh.state_corrupt', { directory }, { cause });
  }
  return db;
}

/** The value, or undefined; never as a `Buffer`, which differs in `slice` from what the rest of the code expects. */
export async function getBytes(db: BytesLevel, key: Uint8Array): Promise<Uint8Array | undefined> {
  const value = await db.get(key);
  return value === undefined ? undefined : new Uint8Array(value.buffer, value.byteOffset, value.length);
}

/** A key of one byte that says what it is, and bytes. */
export function tagged(tag: number, bytes: Uint8Array): Uint8Array {
  const key = Buffer.allocUnsafe(1 + bytes.length);
  key[0] = tag;
  key.set(bytes, 1);
  return key;
}

/** A key of one byte that says what it is, and a number in the order of numbers. */
export function numberKey(tag: number, number: number): Uint8Array {
  const key = Buffer.allocUnsafe(9);
  key[0] = tag;
  writeNumber(key, number, 1);
  return key;
}

export function numberOf(key: Uint8Array): number {
  return readNumber(key.subarray(1));
}

/** What `writeNumber` gives, from the first byte on. */
export function readNumber(bytes: Uint8Array): number {
  assert(bytes.length >= NUMBER_BYTES, 'a stored number has eight bytes');
  let number = 0;
  for (let at = 0; at < NUMBER_BYTES; at++) number = number * 256 + (bytes[at] as number);
  return number;
}

/**
 * An integer that is not negative as eight bytes, the highest first; above the safe ones, where ranges may end, as near as a number
 * comes.
 */
export function writeNumber(bytes: Buffer, number: number, at: number): void {
  assert(Number.isInteger(number) && number >= 0, 'a stored number is an integer that is not negative');
  bytes.writeUInt32BE(Math.floor(number / UINT32_SPAN), at);
  bytes.writeUInt32BE(number % UINT32_SPAN, at + 4);
}
