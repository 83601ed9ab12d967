import { type Codec, decode, encode } from '../codec/codec.ts';
import { struct, text, uint } from '../codec/combinators.ts';
import { CodedError, type ErrorData, stoqError } from '../errors.ts';
import type { RpcValue } from './contract.ts';
import { FRAME, FRAME_HEAD_BYTES, writeFrameHead } from './frames.ts';
import { isReservedKey } from './value.ts';
import { decodeValue } from './value-reader.ts';
import { encodeValue } from './value-writer.ts';

// `<contract>/<version>.<method>` of the longest names in use is 40.
export const METHOD_CHARS_MAX: number = 128;
// A method, a deadline and their heads.
export const HEADER_BYTES_MAX: number = 256;
// A server promises no call more than this, whatever its caller asks.
export const DEADLINE_MS_MAX: number = 3_600_000;

// An error is a code and a few facts; longer facts are cut, further ones dropped.
export const ERROR_BYTES_MAX: number = 8 * 1024;
const ERROR_CODE_FORM = /^[a-z0-9_-]{1,32}\.[a-z0-9_.-]{1,64}$/;
const ERROR_FACTS_MAX = 16;
const ERROR_KEY_FORM = /^[A-Za-z0-9_]{1,32}$/;
const ERROR_TEXT_CHARS_MAX = 256;
const ERROR_BIGINT_BITS_MAX = 256n;

export interface CallHeader {
  readonly method: string;
  /** Whole call of a unary method, gap between two responses of a stream. */
  readonly deadlineMs: number;
}

const headerCodec: Codec<CallHeader> = struct({ method: text(METHOD_CHARS_MAX), deadlineMs: uint(DEADLINE_MS_MAX) });

export function encodeHeader(header: CallHeader): Uint8Array {
  const payload = encode(headerCodec, header);
  const frame = new Uint8Array(FRAME_HEAD_BYTES + payload.length);
  frame.set(payload, FRAME_HEAD_BYTES);
  return writeFrameHead(frame, FRAME.header);
}

export function decodeHeader(payload: Uint8Array): CallHeader {
  try {
    return decode(headerCodec, payload, HEADER_BYTES_MAX);
  } catch (cause) {
    throw stoqError('stoq.rpc_malformed', { reason: 'header' }, { cause });
  }
}

/** A value as a whole frame; above `bytesMax` throws `stoq.rpc_too_large`. */
export function encodeValueFrame(type: typeof FRAME.request | typeof FRAME.value, value: unknown, bytesMax: number): Uint8Array {
  try {
    return writeFrameHead(encodeValue(value, bytesMax, FRAME_HEAD_BYTES), type);
  } catch (error) {
    if (stoqError.is(error, 'stoq.codec_limit')) throw stoqError('stoq.rpc_too_large', (error as CodedError).data, { cause: error });
    throw error;
  }
}

/** An error that the peer answered with; `code` and `data` are the peer's, the message is this side's. */
export class PeerError extends CodedError {
  constructor(code: string, retryable: boolean, data: ErrorData) {
    const known = (stoqError.catalogue as Readonly<Record<string, { message: string }>>)[code];
    super(code, { message: known?.message ?? `The peer refused the call with ${code}`, retryable }, data);
  }
}

/** Whether an error may travel as it is; others are `stoq.rpc_internal` to the caller. */
export function isTravelling(error: unknown): error is CodedError {
  return error instanceof CodedError && ERROR_CODE_FORM.test(error.code);
}

/** Code, retryability and facts travel; message, cause and stack do not. */
export function encodeError(error: CodedError): Uint8Array {
  const data: Record<string, RpcValue> = {};
  for (const [key, fact] of Object.entries(error.data).slice(0, ERROR_FACTS_MAX)) {
    if (ERROR_KEY_FORM.test(key) && !isReservedKey(key) && fact !== undefined) data[key] = safeFact(fact);
  }
  const value = { code: error.code, data, retryable: error.retryable };
  return writeFrameHead(encodeValue(value, ERROR_BYTES_MAX, FRAME_HEAD_BYTES), FRAME.error);
}

export function decodeError(payload: Uint8Array): CodedError {
  const value = decodeValue(payload);
  if (!isMap(value)) return malformed();
  const { code, data, retryable } = value;
  if (typeof code !== 'string' || !ERROR_CODE_FORM.test(code) || typeof retryable !== 'boolean' || !isMap(data)) return malformed();
  const facts = Object.entries(data);
  if (facts.length > ERROR_FACTS_MAX || !facts.every(([key, fact]) => ERROR_KEY_FORM.test(key) && isFact(fact))) return malformed();
  return new PeerError(code, retryable, data as ErrorData);
}

function malformed(): never {
  throw stoqError('stoq.rpc_malformed', { reason: 'error frame' });
}

function isMap(value: RpcValue | undefined): value is { readonly [key: string]: RpcValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function isFact(value: RpcValue): boolean {
  if (typeof value === 'string') return value.length <= ERROR_TEXT_CHARS_MAX;
  return value === null || typeof value !== 'object';
}

function safeFact(fact: string | number | boolean | bigint | null): RpcValue {
  if (typeof fact === 'string') return fact.slice(0, ERROR_TEXT_CHARS_MAX).toWellFormed();
  const finite = typeof fact !== 'number' || Number.isFinite(fact);
  const narrow = typeof fact !== 'bigint' || (fact < 1n << ERROR_BIGINT_BITS_MAX && fact > -(1n << ERROR_BIGINT_BITS_MAX));
  return finite && narrow ? fact : String(fact).slice(0, ERROR_TEXT_CHARS_MAX);
}
