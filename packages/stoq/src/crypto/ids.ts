import { strict as assert } from 'node:assert';
import { stoqError } from '../errors.ts';

export type IdKind = 'mesh' | 'node' | 'pkg' | 'blk' | 'tx';

export const ID_BYTES: number = 32;
// RFC 4648, section 6, in lower case.
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const BITS_PER_CHAR = 5;
const ID_CHARS: number = Math.ceil((ID_BYTES * 8) / BITS_PER_CHAR);
// The characters of an id are put together here: one string for all of them instead of one for each.
const chars = Buffer.alloc(ID_CHARS);

/** `<kind>:` and the 32 bytes in lower-case base32 without padding (52 characters). */
export function formatId(kind: IdKind, bytes: Uint8Array): string {
  assert(bytes.length === ID_BYTES, 'an id has 32 bytes');
  return `${kind}:${encodeBase32(bytes)}`;
}

/** The 32 bytes of an id of that kind. Throws `stoq.id_malformed` for any other text, other spellings included. */
export function parseId(kind: IdKind, text: string): Uint8Array {
  const body = text.startsWith(`${kind}:`) ? text.slice(kind.length + 1) : '';
  const bytes = body.length === ID_CHARS ? decodeBase32(body) : null;
  if (bytes === null) throw stoqError('stoq.id_malformed', { expected: kind });
  return bytes;
}

function encodeBase32(bytes: Uint8Array): string {
  let at = 0;
  let held = 0;
  let bits = 0;
  for (let index = 0; index < bytes.length; index++) {
    held = (held << 8) | (bytes[index] as number);
    bits += 8;
    while (bits >= BITS_PER_CHAR) {
      bits -= BITS_PER_CHAR;
      chars[at++] = BASE32.charCodeAt((held >> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  if (bits > 0) chars[at++] = BASE32.charCodeAt((held << (BITS_PER_CHAR - bits)) & 31);
  return chars.toString('latin1', 0, at);
}

/** Null for a character outside the alphabet and for unused bits that are not zero. */
function decodeBase32(text: string): Uint8Array | null {
  const bytes = new Uint8Array(Math.floor((text.length * BITS_PER_CHAR) / 8));
  let at = 0;
  let held = 0;
  let bits = 0;
  for (const char of text) {
    const value = BASE32.indexOf(char);
    if (value < 0) return null;
    held = (held << BITS_PER_CHAR) | value;
    bits += BITS_PER_CHAR;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = held >> bits;
    held &= (1 << bits) - 1;
  }
  return held === 0 ? bytes : null;
}
