import type { Codec } from '../codec/codec.ts';
import { bool, bytesUpTo, list, struct, uint } from '../codec/combinators.ts';
import { stoqError } from '../errors.ts';
import type { IdentityKind } from './identity.ts';
import { RECORD_BYTES_MAX, RECORD_BYTES_MIN, type SessionLimits } from './limits.ts';

/** One entry of a hello's parameter block; an unknown critical one refuses the handshake. */
export interface Parameter {
  readonly id: number;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** 0xfe00 to 0xfe04 as in the original's transport parameters; 0xfe02, a key, is never sent. */
export const PARAMETER = {
  extensions: 0xfe00,
  falcon: 0xfe01,
  recordBytes: 0xfe03,
  tokenAlgorithm: 0xfe04,
  serverIdentity: 0xfe05,
  streamCredit: 0xfe06,
  sessionCredit: 0xfe07,
  streams: 0xfe08,
} as const;

/** What a side says of itself in its hello. */
export interface SessionParameters {
  readonly recordBytesMax: number;
  readonly streamCreditBytes: number;
  readonly sessionCreditBytes: number;
  readonly streamsMax: number;
  /** The kind of identity that the server must show; in the client's hello only. */
  readonly serverIdentity: IdentityKind | null;
}

const ID_MAX = 0xffff;
const VALUE_BYTES_MAX = 256;
// Eight are defined; the rest is room for later versions.
const PARAMETERS_MAX = 32;
const ENABLED: Uint8Array = Uint8Array.of(1);
const TOKEN_BLAKE3: Uint8Array = Uint8Array.of(3);
// Only an enrolling client has a bare key.
const SERVER_KINDS: readonly IdentityKind[] = ['bundle', 'set-entry', 'pinned'];
const KNOWN: ReadonlySet<number> = new Set(Object.values(PARAMETER));

export const parametersCodec: Codec<readonly Parameter[]> = list(
  struct({ id: uint(ID_MAX), critical: bool, value: bytesUpTo(VALUE_BYTES_MAX) }),
  PARAMETERS_MAX,
);

/** The parameter block of a hello, in ascending order of ids. */
export function writeParameters(limits: SessionLimits, serverIdentity: IdentityKind | null): readonly Parameter[] {
  const block: Parameter[] = [
    critical(PARAMETER.extensions, ENABLED),
    critical(PARAMETER.falcon, ENABLED),
    critical(PARAMETER.recordBytes, uint32(limits.recordBytesMax)),
    critical(PARAMETER.tokenAlgorithm, TOKEN_BLAKE3),
  ];
  if (serverIdentity !== null) block.push(critical(PARAMETER.serverIdentity, Uint8Array.from(Buffer.from(serverIdentity, 'ascii'))));
  block.push(
    critical(PARAMETER.streamCredit, uint32(limits.streamCreditBytes)),
    critical(PARAMETER.sessionCredit, uint32(limits.sessionCreditBytes)),
    critical(PARAMETER.streams, uint32(limits.streamsMax)),
  );
  return block;
}

/** Throws `stoq.handshake_parameter` for unknown critical, missing, repeated and unacceptable ones. */
export function readParameters(block: readonly Parameter[], sender: 'client' | 'server'): SessionParameters {
  const known = new Map<number, Uint8Array>();
  let last = -1;
  for (const { id, critical: isCritical, value } of block) {
    if (id <= last) refuse(id, 'order');
    last = id;
    if (KNOWN.has(id)) known.set(id, value);
    else if (isCritical) refuse(id, 'unknown');
  }
  const required = (id: number): Uint8Array => known.get(id) ?? refuse(id, 'missing');
  expectByte(PARAMETER.extensions, required(PARAMETER.extensions), ENABLED);
  expectByte(PARAMETER.falcon, required(PARAMETER.falcon), ENABLED);
  expectByte(PARAMETER.tokenAlgorithm, required(PARAMETER.tokenAlgorithm), TOKEN_BLAKE3);
  const atLeast = (id: number, min: number): number => readUint32(id, required(id), min);
  return {
    recordBytesMax: Math.min(atLeast(PARAMETER.recordBytes, RECORD_BYTES_MIN), RECORD_BYTES_MAX),
    streamCreditBytes: atLeast(PARAMETER.streamCredit, RECORD_BYTES_MIN),
    sessionCreditBytes: atLeast(PARAMETER.sessionCredit, RECORD_BYTES_MIN),
    streamsMax: atLeast(PARAMETER.streams, 0),
    serverIdentity: sender === 'client' ? readKind(required(PARAMETER.serverIdentity)) : null,
  };
}

function critical(id: number, value: Uint8Array): Parameter {
  return { id, critical: true, value };
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function readUint32(id: number, bytes: Uint8Array, min: number): number {
  if (bytes.length !== 4) refuse(id, 'length');
  const value = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
  return value < min ? refuse(id, 'too small') : value;
}

function expectByte(id: number, value: Uint8Array, expected: Uint8Array): void {
  if (value.length !== 1 || value[0] !== expected[0]) refuse(id, 'value');
}

function readKind(value: Uint8Array): IdentityKind {
  const text = Buffer.from(value).toString('latin1');
  return SERVER_KINDS.find((kind) => kind === text) ?? refuse(PARAMETER.serverIdentity, 'value');
}

function refuse(id: number, reason: string): never {
  throw stoqError('stoq.handshake_parameter', { parameter: `0x${id.toString(16)}`, reason });
}
