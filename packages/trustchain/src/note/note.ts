import { createHash } from 'node:crypto';
import { CHECKPOINT_BYTES_MAX } from '../constants.ts';
import { trustError } from '../errors.ts';

/** A signed note (C2SP signed-note): text and the signatures under it. */
export interface Note {
  /** Ends in a newline; the signatures are over its UTF-8 bytes. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface NoteSignature {
  /** Key name: neither spaces nor plus signs. */
  readonly name: string;
  /** The first four bytes of a hash over name, type and key. */
  readonly keyId: number;
  readonly bytes: Uint8Array;
}

// The log's two, and one of each validator of the largest set.
const NOTE_SIGNATURES_MAX = 128;
const KEY_ID_BYTES = 4;
const NAME = /^[^\s+]+$/u;
const SIGNATURE_LINE = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u;
// Control characters other than newline, which the specification forbids.
// oxlint-disable-next-line no-control-regex
const FORBIDDEN = /[\x00-\x09\x0b-\x1f]/;

/** Strict. Throws `trustchain.checkpoint_malformed` with the reason. */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.length > CHECKPOINT_BYTES_MAX) malformed('too large');
  const whole = decodeUtf8(bytes);
  if (FORBIDDEN.test(whole)) malformed('control character');
  const end = whole.lastIndexOf('\n\n');
  if (end < 0) malformed('no blank line');
  const text = whole.slice(0, end + 1);
  const lines = whole.slice(end + 2).split('\n');
  if (lines.pop() !== '') malformed('no final newline');
  if (lines.length === 0) malformed('no signature');
  if (lines.length > NOTE_SIGNATURES_MAX) malformed('too many signatures');
  const signatures = lines.map(parseSignatureLine);
  if (new Set(signatures.map(keyOf)).size !== signatures.length) malformed('two signatures of one key');
  return { text, signatures };
}

/** Throws `trustchain.checkpoint_malformed` for what `parseNote` would refuse. */
export function formatNote(note: Note): Uint8Array {
  const bytes = Buffer.from(`${note.text}\n${note.signatures.map(formatSignatureLine).join('')}`, 'utf8');
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length).slice();
  parseNote(plain);
  return plain;
}

/** One signature line with its newline: what a witness answers. */
export function formatSignatureLine({ name, keyId, bytes }: NoteSignature): string {
  const prefix = Buffer.alloc(KEY_ID_BYTES);
  prefix.writeUInt32BE(keyId);
  return `\u2014 ${name} ${Buffer.concat([prefix, bytes]).toString('base64')}\n`;
}

/** A signature line without its newline. Throws `trustchain.checkpoint_malformed`. */
export function parseSignatureLine(line: string): NoteSignature {
  const [, name, base64] = SIGNATURE_LINE.exec(line) ?? malformed('bad signature line');
  const blob = decodeBase64(base64 as string);
  if (blob.length <= KEY_ID_BYTES) malformed('empty signature');
  const keyId = new DataView(blob.buffer, blob.byteOffset, blob.length).getUint32(0);
  return { name: name as string, keyId, bytes: blob.subarray(KEY_ID_BYTES) };
}

/** Key id as the specification recommends: SHA-256(name || newline || type || key), first four bytes, big-endian. */
export function noteKeyId(name: string, type: Uint8Array, key: Uint8Array): number {
  if (!NAME.test(name)) malformed('bad key name');
  return createHash('sha256').update(`${name}\n`, 'utf8').update(type).update(key).digest().readUInt32BE(0);
}

/** The signature by the key of that name and id, or null. */
export function findSignature(note: Note, name: string, keyId: number): NoteSignature | null {
  return note.signatures.find((signature) => signature.name === name && signature.keyId === keyId) ?? null;
}

/** RFC 4648, section 4, with padding and zero trailing bits. Throws `trustchain.checkpoint_malformed`. */
export function decodeBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) malformed('bad base64');
  return Uint8Array.from(bytes);
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw trustError('trustchain.checkpoint_malformed', { reason: 'not UTF-8' }, { cause });
  }
}

function keyOf(signature: NoteSignature): string {
  return `${signature.keyId} ${signature.name}`;
}

function malformed(reason: string): never {
  throw trustError('trustchain.checkpoint_malformed', { reason });
}
