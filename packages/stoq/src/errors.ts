/** What one entry of an error catalogue says. */
export interface ErrorSpec {
  /** One sentence for a person: what is wrong and, where possible, how to mend it. */
  readonly message: string;
  /** Whether the same call may succeed later without a change by the caller. */
  readonly retryable: boolean;
}

export type ErrorData = Readonly<Record<string, string | number | boolean | bigint | null | undefined>>;

/** Base of every error that the stack raises about the world (never about a programmer's mistake). */
export class CodedError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly data: ErrorData;
  readonly retryable: boolean;

  constructor(code: Code, spec: ErrorSpec, data: ErrorData = {}, options: { cause?: unknown } = {}) {
    const detail = Object.entries(data)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${key}=${String(value)}`)
      .join(' ');
    super(detail === '' ? spec.message : `${spec.message} (${detail})`, options);
    this.name = code;
    this.code = code;
    this.data = Object.freeze({ ...data });
    this.retryable = spec.retryable;
  }
}

/** Makes the error factory of one package from its catalogue; codes are `<package>.<noun>_<what>`. */
export function defineErrors<const Catalogue extends Readonly<Record<string, ErrorSpec>>>(
  catalogue: Catalogue,
): ErrorFactory<Extract<keyof Catalogue, string>> {
  type Code = Extract<keyof Catalogue, string>;
  const factory = (code: Code, data?: ErrorData, options?: { cause?: unknown }): CodedError<Code> =>
    new CodedError(code, catalogue[code] as ErrorSpec, data, options);
  return Object.assign(factory, { catalogue, is: (error: unknown, code: Code) => hasCode(error, code) });
}

export interface ErrorFactory<Code extends string> {
  (code: Code, data?: ErrorData, options?: { cause?: unknown }): CodedError<Code>;
  readonly catalogue: Readonly<Record<Code, ErrorSpec>>;
  is(error: unknown, code: Code): boolean;
}

export function hasCode(error: unknown, code: string): error is CodedError {
  return error instanceof CodedError && error.code === code;
}

/** Errors of this package. */
export const stoqError: ErrorFactory<StoqErrorCode> = defineErrors({
  'stoq.codec_malformed': { message: 'The bytes are not a canonical encoding of the expected object', retryable: false },
  'stoq.codec_limit': { message: 'The object exceeds a size, depth or count limit', retryable: false },
  'stoq.key_malformed': { message: 'The key has the wrong length, form or algorithm', retryable: false },
  'stoq.signature_failed': { message: 'The signature does not verify', retryable: false },
  'stoq.signing_overload': { message: 'Too many signatures are waiting to be made', retryable: true },
  'stoq.signing_closed': { message: 'The signer is closed', retryable: false },
  'stoq.id_malformed': { message: 'The text is not an id of the expected kind', retryable: false },
  'stoq.carrier_unavailable': { message: 'No carrier of that kind can run on this machine', retryable: false },
  'stoq.carrier_refused': { message: 'The peer could not be reached at that address', retryable: true },
  'stoq.carrier_closed': { message: 'The connection or stream is closed', retryable: true },
  'stoq.carrier_reset': { message: 'The peer reset the stream', retryable: true },
  'stoq.carrier_timeout': { message: 'The carrier did not answer in time', retryable: true },
  'stoq.carrier_address': { message: 'The address cannot be used by this carrier', retryable: false },
  'stoq.handshake_malformed': { message: 'A handshake message is malformed', retryable: false },
  'stoq.handshake_version': { message: 'The peer offers no common version or suite', retryable: false },
  'stoq.handshake_parameter': { message: 'A critical session parameter is unknown', retryable: false },
  'stoq.handshake_timeout': { message: 'The handshake did not finish before its deadline', retryable: true },
  'stoq.handshake_overload': { message: 'The peer has too many handshakes under way', retryable: true },
  'stoq.handshake_forged': { message: 'The handshake was altered on its way, or the peer lacks its keys', retryable: false },
  'stoq.identity_refused': { message: 'The peer did not prove an identity that this side accepts', retryable: false },
  'stoq.record_forged': { message: 'A record failed authentication; the session is ended', retryable: true },
  'stoq.record_malformed': { message: 'A record or frame breaks the session protocol', retryable: true },
  'stoq.session_closed': { message: 'The session is closed', retryable: true },
  'stoq.session_revoked': { message: 'The session ended because the peer identity is no longer valid', retryable: false },
  'stoq.session_idle': { message: 'The peer stopped answering', retryable: true },
  'stoq.stream_reset': { message: 'The stream was reset', retryable: true },
  'stoq.stream_limit': { message: 'Too many streams are open on the session', retryable: true },
  'stoq.flow_violation': { message: 'The peer sent more than its credit allows', retryable: false },
  'stoq.rpc_unknown_method': { message: 'The peer serves no such method', retryable: false },
  'stoq.rpc_bad_request': { message: 'The request does not match the contract of the method', retryable: false },
  'stoq.rpc_bad_response': { message: 'The response does not match the contract of the method', retryable: false },
  'stoq.rpc_forbidden': { message: 'The identity of this session may not call that method', retryable: false },
  'stoq.rpc_deadline': { message: 'The call did not finish before its deadline', retryable: true },
  'stoq.rpc_cancelled': { message: 'The call was cancelled', retryable: true },
  'stoq.rpc_overload': { message: 'The peer is at its limit of concurrent or queued calls', retryable: true },
  'stoq.rpc_internal': { message: 'The peer failed to handle the call', retryable: true },
  'stoq.rpc_too_large': { message: 'The request or response exceeds the limit of the method', retryable: false },
  'stoq.rpc_malformed': { message: 'The peer breaks the protocol of calls', retryable: false },
  'stoq.rpc_stopping': { message: 'The peer is stopping and takes no new calls', retryable: true },
  'stoq.blob_missing': { message: 'No provider has the blob', retryable: true },
  'stoq.blob_corrupt': { message: 'The blob does not match its digest', retryable: true },
  'stoq.blob_too_large': { message: 'The blob exceeds the size limit', retryable: false },
  'stoq.blob_store_full': { message: 'The blob store has no room for the blob', retryable: true },
  'stoq.config_invalid': { message: 'The configuration is invalid', retryable: false },
  'stoq.secret_unreadable': { message: 'A secret file cannot be used', retryable: false },
  'stoq.start_failed': { message: 'A part of the daemon failed to start', retryable: true },
  'stoq.stop_failed': { message: 'A part of the daemon failed to stop', retryable: false },
  'stoq.unsupported': { message: 'This version does not support the feature', retryable: false },
});

export type StoqErrorCode =
  | `stoq.codec_${'malformed' | 'limit'}`
  | 'stoq.key_malformed'
  | 'stoq.signature_failed'
  | `stoq.signing_${'overload' | 'closed'}`
  | 'stoq.id_malformed'
  | `stoq.carrier_${'unavailable' | 'refused' | 'closed' | 'reset' | 'timeout' | 'address'}`
  | `stoq.handshake_${'malformed' | 'version' | 'parameter' | 'timeout' | 'overload' | 'forged'}`
  | 'stoq.identity_refused'
  | `stoq.record_${'forged' | 'malformed'}`
  | `stoq.session_${'closed' | 'revoked' | 'idle'}`
  | `stoq.stream_${'reset' | 'limit'}`
  | 'stoq.flow_violation'
  | `stoq.rpc_${'unknown_method' | 'bad_request' | 'bad_response' | 'forbidden' | 'deadline' | 'cancelled' | 'overload' | 'internal' | 'too_large' | 'malformed' | 'stopping'}`
  | `stoq.blob_${'missing' | 'corrupt' | 'too_large' | 'store_full'}`
  | 'stoq.config_invalid'
  | 'stoq.secret_unreadable'
  | `stoq.${'start' | 'stop'}_failed`
  | 'stoq.unsupported';
