import { describe, expect, test } from 'vitest';
import { formatJoinToken, type JoinToken, parseJoinToken, tokenHashOf } from '../../src/enrolment/join-token.ts';

const token: JoinToken = {
  meshId: new Uint8Array(32).fill(1),
  rootFingerprint: new Uint8Array(32).fill(2),
  serverId: new Uint8Array(32).fill(3),
  addresses: ['127.0.0.1:9292', '[::1]:9292'],
  secret: new Uint8Array(32).fill(4),
  roles: ['node'],
  names: ['node-1.mesh'],
};

describe('a join token', () => {
  test('is one line of text that gives it back, white space around it ignored', () => {
    const line = formatJoinToken(token);
    expect(line).toMatch(/^join1\.[A-Za-z0-9_-]+$/);
    expect(parseJoinToken(` ${line}\n`)).toEqual(token);
  });

  const line = formatJoinToken(token);
  test.each([
    ['empty', ''],
    ['another prefix', line.replace('join1', 'join2')],
    ['cut off', line.slice(0, -3)],
    ['one character changed', line.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))],
    ['padded', `${line}==`],
    ['too long', line + 'A'.repeat(41 * 1024)],
    ['of no token', 'join1.AAAAAAAA'],
  ])('%s is refused', (_name, text) => {
    expect(() => parseJoinToken(text)).toThrow(expect.objectContaining({ code: 'trustchain.token_invalid' }));
  });

  test('is stored by a hash that differs by mesh', () => {
    expect(tokenHashOf(token.meshId, token.secret)).not.toEqual(tokenHashOf(new Uint8Array(32), token.secret));
  });
});
