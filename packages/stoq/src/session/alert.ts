import { CodedError, stoqError, type StoqErrorCode } from '../errors.ts';
import type { AlertMessage } from './messages.ts';

const CODE_FORM = /^[a-z]+\.[a-z0-9_]+$/;
export const CODE_CHARS_MAX = 64;

// Before there are keys anybody on the path can write an alert: only what says nothing of an identity is believed.
const PLAIN_CODES: readonly StoqErrorCode[] = [
  'stoq.handshake_malformed',
  'stoq.handshake_version',
  'stoq.handshake_parameter',
  'stoq.handshake_timeout',
  'stoq.handshake_overload',
  'stoq.identity_refused',
];

/** What the peer is told of a failure: the code alone, never data or text. */
export function alertOf(error: unknown): AlertMessage {
  if (!(error instanceof CodedError) || !isCode(error.code)) return { code: 'stoq.identity_refused', retryable: false };
  // A full signing queue is one way to be overloaded; which one is not the peer's business.
  if (error.code.startsWith('stoq.signing_')) return { code: 'stoq.handshake_overload', retryable: true };
  return { code: error.code, retryable: error.retryable };
}

/** As `alertOf`, for an alert that travels unprotected. */
export function plainAlertOf(error: unknown): AlertMessage {
  const alert = alertOf(error);
  return isPlainCode(alert.code) ? alert : { code: 'stoq.identity_refused', retryable: false };
}

export function isPlainCode(code: string): boolean {
  return PLAIN_CODES.some((candidate) => candidate === code);
}

export function isCode(text: string): boolean {
  return text.length <= CODE_CHARS_MAX && CODE_FORM.test(text);
}

/** The error of a code that the peer sent; codes of other packages keep their name under a general sentence. */
export function peerError(code: string, retryable: boolean): CodedError {
  const catalogue: Readonly<Record<string, unknown>> = stoqError.catalogue;
  if (Object.hasOwn(catalogue, code)) return stoqError(code as StoqErrorCode, { by: 'peer' });
  return new CodedError(code, { message: 'The peer refused or ended the session', retryable }, { by: 'peer' });
}
