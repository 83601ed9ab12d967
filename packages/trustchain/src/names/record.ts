import { isIPv4 } from 'node:net';
import { type Codec, hasCode, list, oneOf, parseAddress, parseId, struct, text, uint } from '@hypermesh/stoq';
import { assertPlainName } from '../certificate/alternative-names.ts';
import { DNS_NAME_CHARS_MAX } from '../constants.ts';
import { isInZone } from '../enrolment/name-policy.ts';
import { trustError } from '../errors.ts';

/** `STOQ`: `node:<id> <host:port>`, where a node serves its contracts. */
export type RecordType = 'A' | 'AAAA' | 'SRV' | 'STOQ' | 'TXT';

export const RECORD_TYPES: readonly ['A', 'AAAA', 'SRV', 'STOQ', 'TXT'] = ['A', 'AAAA', 'SRV', 'STOQ', 'TXT'];

/** All records of one type of one name. */
export interface RecordSet {
  readonly name: string;
  readonly type: RecordType;
  readonly ttlSeconds: number;
  /** In presentation form, in the order of publication. */
  readonly records: readonly string[];
}

// RFC 1035, 3.3: one character-string; more than any other form needs.
export const RECORD_CHARS_MAX: number = 255;
// Endpoints of one service that a client can use; more belong behind an ingress.
export const RECORD_COUNT_MAX: number = 32;
// Records follow placements: stale for an hour at most.
export const TTL_SECONDS_MAX: number = 3_600;

export const recordTypeCodec: Codec<RecordType> = oneOf(...RECORD_TYPES);
export const nameCodec: Codec<string> = text(DNS_NAME_CHARS_MAX);

export const recordSetCodec: Codec<RecordSet> = struct({
  name: nameCodec,
  type: recordTypeCodec,
  ttlSeconds: uint(TTL_SECONDS_MAX),
  records: list(text(RECORD_CHARS_MAX), RECORD_COUNT_MAX),
});

/** Refuses a name that is not a plain DNS name below the zone. Throws `trustchain.name_malformed`. */
export function assertZoneName(name: string, zone: string): void {
  try {
    assertPlainName(name);
  } catch (cause) {
    if (!hasCode(cause, 'trustchain.name_refused')) throw cause;
    throw trustError('trustchain.name_malformed', cause.data, { cause });
  }
  if (name.includes(':') || !isInZone(name, zone)) throw trustError('trustchain.name_malformed', { reason: 'outside the zone', zone });
}

/** Refuses records that are not of the form of their type, and repetitions. Throws `trustchain.name_malformed`. */
export function assertRecords({ type, records }: Pick<RecordSet, 'type' | 'records'>): void {
  if (new Set(records).size !== records.length) throw trustError('trustchain.name_malformed', { type, reason: 'repeated record' });
  const bad = records.findIndex((record) => record.length > RECORD_CHARS_MAX || !isWellFormed(type, record));
  if (bad >= 0) throw trustError('trustchain.name_malformed', { type, record: bad });
}

const PRINTABLE = /^[\x20-\x7e]+$/;
// RFC 2782: priority, weight, port, target.
const SRV = /^(\d{1,5}) (\d{1,5}) (\d{1,5}) ([a-z0-9.-]+)$/;
const UINT16_MAX = 65_535;

function isWellFormed(type: RecordType, record: string): boolean {
  switch (type) {
    case 'A':
      return isIPv4(record);
    case 'AAAA':
      return record.includes(':') && isPlain(record);
    case 'TXT':
      return PRINTABLE.test(record);
    case 'SRV': {
      const [, ...fields] = SRV.exec(record) ?? [];
      const numbers = fields.slice(0, 3);
      return (
        fields.length === 4 &&
        numbers.every((text) => String(Number(text)) === text && Number(text) <= UINT16_MAX) &&
        isPlain(fields[3] as string)
      );
    }
    case 'STOQ': {
      const [id, address, ...rest] = record.split(' ');
      return rest.length === 0 && isEndpoint(id as string, address ?? '');
    }
  }
}

function isPlain(name: string): boolean {
  return succeeds(() => assertPlainName(name));
}

function isEndpoint(id: string, address: string): boolean {
  return succeeds(() => {
    parseId('node', id);
    parseAddress(address);
  });
}

/** Whether a check that throws coded errors passes. */
function succeeds(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (!['trustchain.name_refused', 'stoq.id_malformed', 'stoq.carrier_address'].some((code) => hasCode(error, code))) throw error;
    return false;
  }
}
