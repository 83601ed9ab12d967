import { Level } from 'level';
import { hypermeshError } from '../errors.ts';

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
  const key = new Uint8Array(1 + bytes.length);
  key[0] = tag;
  key.set(bytes, 1);
  return key;
}

/** A key of one byte that says what it is, and a number in the order of numbers. */
export function numberKey(tag: number, number: number): Uint8Array {
  const key = new Uint8Array(9);
  key[0] = tag;
  new DataView(key.buffer).setBigUint64(1, BigInt(number));
  return key;
}

export function numberOf(key: Uint8Array): number {
  return Number(new DataView(key.buffer, key.byteOffset, key.length).getBigUint64(1));
}
