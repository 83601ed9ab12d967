import { describe, expect, test } from 'vitest';
import { CodedError, stoqError } from '../../src/index.ts';
import { alertOf, isCode, peerError, plainAlertOf } from '../../src/session/alert.ts';

describe('alerts', () => {
  test.each<[unknown, string, string]>([
    [stoqError('stoq.handshake_version', { secret: 'data' }), 'stoq.handshake_version', 'stoq.handshake_version'],
    [stoqError('stoq.signing_closed'), 'stoq.handshake_overload', 'stoq.handshake_overload'],
    [new CodedError('trustchain.bundle_expired', { message: '', retryable: true }), 'trustchain.bundle_expired', 'stoq.identity_refused'],
    [new CodedError('No Code', { message: '', retryable: true }), 'stoq.identity_refused', 'stoq.identity_refused'],
    [new Error('text'), 'stoq.identity_refused', 'stoq.identity_refused'],
  ])('of %s say the code alone', (error, sealed, plain) => {
    expect(alertOf(error).code).toBe(sealed);
    expect(plainAlertOf(error).code).toBe(plain);
  });

  test('become errors with the code, known or not', () => {
    expect(peerError('stoq.session_idle', false)).toMatchObject({ code: 'stoq.session_idle', retryable: true, data: { by: 'peer' } });
    expect(peerError('trustchain.bundle_expired', true)).toMatchObject({ code: 'trustchain.bundle_expired', retryable: true });
    expect(peerError('stoq.of_a_later_version', false)).toMatchObject({ code: 'stoq.of_a_later_version', retryable: false });
  });

  test('have codes of a certain form', () => {
    expect(['stoq.a_b1', 'a.b'].every(isCode)).toBe(true);
    expect(['', 'stoq', 'Stoq.a', 'stoq.A', 'stoq.a b', `stoq.${'a'.repeat(60)}`, 'a.b.c'].some(isCode)).toBe(false);
  });
});
