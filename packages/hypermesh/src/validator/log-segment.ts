import {
  bytesUpTo,
  type Codec,
  decode,
  encode,
  ENCODED_BYTES_MAX,
  equalBytes,
  hashLabelled,
  keyedHash,
  list,
  struct,
  uint,
} from '@hypermesh/stoq';

/** One entry of the log; the type says what the body is. */
export interface LogRecord {
  readonly type: number;
  readonly body: Uint8Array;
}

/**
 * A segment: a header, then records, each at a multiple of ALIGNMENT and each written by one write that was durable before the
 * next began. Layout of a record: marker, length of the body, checksum, type, body.
 */
export const SEGMENT_HEADER_BYTES: number = 80;
export const SEGMENT_KEY_BYTES: number = 32;
export const ALIGNMENT_BYTES: number = 16;
// Entries that wait for the disk are written together.
export const GROUP_RECORDS_MAX: number = 4_096;

const SEGMENT_MAGIC: Uint8Array = Buffer.from('hypermesh/write-ahead-log/1\u0000');
const KEY_AT = 32;
const HEADER_CHECKSUM_AT: number = KEY_AT + SEGMENT_KEY_BYTES;
const RECORD_MARKER = 0x4c_41_57_2e;
const RECORD_TYPE_GROUP = 1;
const MARKER_AT = 0;
const LENGTH_AT = 4;
const CHECKSUM_AT = 8;
const CHECKSUM_BYTES = 16;
const TYPE_AT: number = CHECKSUM_AT + CHECKSUM_BYTES;
const BODY_AT: number = TYPE_AT + 1;
const RECORD_TYPE_MAX = 255;

const groupCodec: Codec<readonly LogRecord[]> = list(
  struct({ type: uint(RECORD_TYPE_MAX), body: bytesUpTo(ENCODED_BYTES_MAX) }),
  GROUP_RECORDS_MAX,
);

/** The key makes bytes inside a body useless as a record of their own. */
export function segmentHeader(key: Uint8Array): Uint8Array {
  const header = new Uint8Array(SEGMENT_HEADER_BYTES);
  header.set(SEGMENT_MAGIC);
  header.set(key, KEY_AT);
  header.set(headerChecksum(header), HEADER_CHECKSUM_AT);
  return header;
}

/** The key; null for a header that is damaged, without which no record can be told from garbage. */
export function segmentKey(segment: Uint8Array): Uint8Array | null {
  const header = segment.subarray(0, SEGMENT_HEADER_BYTES);
  const isWhole =
    header.length === SEGMENT_HEADER_BYTES &&
    equalBytes(header.subarray(0, SEGMENT_MAGIC.length), SEGMENT_MAGIC) &&
    equalBytes(header.subarray(HEADER_CHECKSUM_AT), headerChecksum(header));
  return isWhole ? Uint8Array.from(header.subarray(KEY_AT, HEADER_CHECKSUM_AT)) : null;
}

function headerChecksum(header: Uint8Array): Uint8Array {
  return hashLabelled('hypermesh/write-ahead-log/1', header.subarray(0, HEADER_CHECKSUM_AT)).subarray(0, CHECKSUM_BYTES);
}

/** The entries as one record that stands at `offset`. */
export function encodeGroup(key: Uint8Array, offset: number, records: readonly LogRecord[]): Uint8Array {
  const body = encode(groupCodec, records);
  const record = Buffer.alloc(alignedBytes(BODY_AT + body.length));
  record.writeUInt32LE(RECORD_MARKER, MARKER_AT);
  record.writeUInt32LE(body.length, LENGTH_AT);
  record[TYPE_AT] = RECORD_TYPE_GROUP;
  record.set(body, BODY_AT);
  record.set(checksum(key, offset, record.subarray(TYPE_AT, BODY_AT + body.length)), CHECKSUM_AT);
  return record;
}

export interface SegmentScan {
  readonly records: readonly LogRecord[];
  /** Where the next record goes. */
  readonly end: number;
  /** `torn`: an unfinished write follows `end`. `corrupt`: a record was damaged that others follow. */
  readonly state: 'clean' | 'torn' | 'corrupt';
}

export function scanSegment(segment: Uint8Array, key: Uint8Array): SegmentScan {
  const records: LogRecord[] = [];
  let offset = SEGMENT_HEADER_BYTES;
  for (;;) {
    const record = recordAt(segment, key, offset);
    if (record === null) break;
    records.push(...record.records);
    offset += record.bytes;
  }
  if (!segment.subarray(offset).some((byte) => byte !== 0)) return { records, end: offset, state: 'clean' };
  for (let later = offset + ALIGNMENT_BYTES; later < segment.length; later += ALIGNMENT_BYTES) {
    if (recordAt(segment, key, later) !== null) return { records, end: offset, state: 'corrupt' };
  }
  return { records, end: offset, state: 'torn' };
}

function recordAt(segment: Uint8Array, key: Uint8Array, offset: number): { records: readonly LogRecord[]; bytes: number } | null {
  if (offset + BODY_AT > segment.length) return null;
  const view = new DataView(segment.buffer, segment.byteOffset + offset, segment.length - offset);
  if (view.getUint32(MARKER_AT, true) !== RECORD_MARKER) return null;
  const length = view.getUint32(LENGTH_AT, true);
  const end = offset + BODY_AT + length;
  if (end > segment.length) return null;
  const stored = segment.subarray(offset + CHECKSUM_AT, offset + CHECKSUM_AT + CHECKSUM_BYTES);
  if (!equalBytes(stored, checksum(key, offset, segment.subarray(offset + TYPE_AT, end)))) return null;
  return { records: decode(groupCodec, segment.slice(offset + BODY_AT, end)), bytes: alignedBytes(BODY_AT + length) };
}

/** Bound to the place, so that no record counts anywhere else. */
function checksum(key: Uint8Array, offset: number, typeAndBody: Uint8Array): Uint8Array {
  const place = Buffer.alloc(8);
  place.writeBigUInt64LE(BigInt(offset));
  return keyedHash(key, place, typeAndBody).subarray(0, CHECKSUM_BYTES);
}

function alignedBytes(length: number): number {
  return Math.ceil(length / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}
