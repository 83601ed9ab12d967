import { trustError } from '../errors.ts';
import { decodeBase64, type Note, parseNote } from './note.ts';

/** A tree head as C2SP tlog-checkpoint writes it. */
export interface Checkpoint {
  readonly origin: string;
  /** Number of entries. */
  readonly size: number;
  /** RFC 6962 root, 32 bytes. */
  readonly root: Uint8Array;
}

/** A checkpoint and the note that carries it. */
export interface SignedCheckpoint extends Checkpoint {
  readonly note: Note;
}

const ROOT_BYTES = 32;
const SIZE = /^(?:0|[1-9]\d{0,15})$/;

/** The text of the note, three lines. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`;
}

/**
 * Strict: extension lines are refused, because ML-DSA-44 cosignatures do not cover them.
 * Throws `trustchain.checkpoint_malformed`. Verifies no signature.
 */
export function parseCheckpoint(bytes: Uint8Array): SignedCheckpoint {
  const note = parseNote(bytes);
  return { ...parseCheckpointText(note.text), note };
}

/** What `formatCheckpoint` writes. Throws `trustchain.checkpoint_malformed`. */
export function parseCheckpointText(text: string): Checkpoint {
  const [origin, size, root, end, ...extensions] = text.split('\n');
  if (origin === undefined || size === undefined || root === undefined || end === undefined || origin === '') return malformed('lines');
  if (end !== '' || extensions.length > 0) malformed('extension lines');
  if (!SIZE.test(size) || !Number.isSafeInteger(Number(size))) malformed('size');
  const hash = decodeBase64(root);
  if (hash.length !== ROOT_BYTES) malformed('root');
  return { origin, size: Number(size), root: hash };
}

function malformed(reason: string): never {
  throw trustError('trustchain.checkpoint_malformed', { reason });
}
