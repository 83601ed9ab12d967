import { describe, expect, it } from 'vitest';
import { carrierFailure, isListenerEnd, type Operation } from '../../../src/carrier/quic/failures.ts';

const TABLE: readonly (readonly [text: string, during: Operation, code: string])[] = [
  ['timed out', 'dial', 'timeout'],
  ['timed out', 'stream', 'timeout'],
  ['stream reset by peer: error 0', 'stream', 'reset'],
  ['sending stopped by peer: error 0', 'stream', 'reset'],
  ['closed stream', 'stream', 'closed'],
  ['connection lost', 'stream', 'closed'],
  ['connection lost', 'dial', 'refused'],
  ['closed', 'connection', 'closed'],
  ['server closed', 'connection', 'closed'],
  ['endpoint stopping', 'dial', 'closed'],
  ['closed by peer: 0', 'connection', 'closed'],
  ['closed by peer: 0', 'dial', 'refused'],
  ['aborted by peer: the cryptographic handshake failed', 'dial', 'refused'],
  ['reset by peer', 'connection', 'closed'],
  ['reset by peer', 'dial', 'refused'],
  ['invalid IP address syntax', 'dial', 'address'],
  ['invalid IP address syntax', 'listen', 'address'],
  ['invalid remote address: 127.0.0.1:0', 'dial', 'address'],
  ['Failed to convert u32 to u16', 'dial', 'address'],
  ['Address already in use (os error 98)', 'listen', 'address'],
  ['Cannot assign requested address (os error 99)', 'listen', 'address'],
  ['Permission denied (os error 13)', 'listen', 'address'],
  ['Operation not permitted (os error 1)', 'listen', 'address'],
  ['Address family not supported by protocol (os error 97)', 'dial', 'address'],
  ['some text of a later version', 'dial', 'refused'],
  ['some text of a later version', 'listen', 'address'],
  ['some text of a later version', 'connection', 'closed'],
  ['some text of a later version', 'stream', 'closed'],
];

describe('failures of the binding', () => {
  it.each(TABLE)('%j while in %s is carrier_%s', (text, during, code) => {
    const cause = new Error(text);
    const failure = carrierFailure(cause, during, { address: 'a' });
    expect(failure).toMatchObject({ code: `stoq.carrier_${code}`, data: { address: 'a', reason: text }, cause });
  });

  it('takes what is no error at its word', () => {
    expect(carrierFailure('closed', 'connection').code).toBe('stoq.carrier_closed');
  });

  it.each([
    ['server closed', true],
    ['endpoint stopping', true],
    ['timed out', false],
    ['aborted by peer: the cryptographic handshake failed', false],
  ])('a listener that hears %j has ended: %s', (text, ended) => {
    expect(isListenerEnd(new Error(text))).toBe(ended);
  });
});
