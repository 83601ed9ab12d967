import { stoqError } from '../errors.ts';

/** The control stream; it carries the handshake first. */
export const CONTROL_STREAM_ID = 0;

// Streams overtake each other only while one of them is delayed: far fewer than this open and close meanwhile.
const AHEAD_MAX = 65_536;
// Ids have 32 bits; a session that has opened this many streams is replaced by a new one.
export const STREAMS_PER_SESSION_MAX: number = 2 ** 31 - 1;

/** Id of a side's stream number `index`, from 0: 1, 3, 5 ... for the server, 2, 4, 6 ... for the client. */
export function streamIdOf(opener: 'client' | 'server', index: number): number {
  return index * 2 + (opener === 'client' ? 2 : 1);
}

export function streamIndexOf(id: number): number {
  return Math.ceil(id / 2) - 1;
}

export function openerOf(id: number): 'client' | 'server' {
  return id % 2 === 0 ? 'client' : 'server';
}

/** What a carrier stream starts with. */
export const STREAM_ID_BYTES = 4;

export function encodeStreamId(id: number): Uint8Array {
  const bytes = new Uint8Array(STREAM_ID_BYTES);
  new DataView(bytes.buffer).setUint32(0, id);
  return bytes;
}

export function decodeStreamId(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, STREAM_ID_BYTES).getUint32(0);
}

/**
 * Which of the peer's streams have been seen: a copy of a stream would be sealed with the same keys, so an id opens a
 * stream once. The peer uses its ids in order and without gaps, but they may arrive out of order.
 */
export class SeenStreams {
  readonly #ahead = new Set<number>();
  #floor = 0;

  /** False if it was seen before. Throws `stoq.record_malformed` for an index far ahead of one that never came. */
  mark(index: number): boolean {
    if (index < this.#floor || this.#ahead.has(index)) return false;
    if (index - this.#floor > AHEAD_MAX) throw stoqError('stoq.record_malformed', { streamIndex: index });
    this.#ahead.add(index);
    while (this.#ahead.delete(this.#floor)) this.#floor++;
    return true;
  }

  has(index: number): boolean {
    return index < this.#floor || this.#ahead.has(index);
  }
}
