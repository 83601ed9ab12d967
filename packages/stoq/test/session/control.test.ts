import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasCode } from '../../src/index.ts';
import { type ControlFrame, decodeControl, encodeControl } from '../../src/session/control.ts';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const wide = fc.maxSafeNat();
const thrown = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('control frames', () => {
  const frames: fc.Arbitrary<ControlFrame> = fc.oneof(
    fc.record({ type: fc.constantFrom('ping' as const, 'pong' as const), token: u32 }),
    fc.record({ type: fc.constant('stream-credit' as const), stream: u32, limit: wide }),
    fc.record({ type: fc.constant('session-credit' as const), limit: wide }),
    fc.record({ type: fc.constant('streams' as const), limit: u32 }),
    fc.record({ type: fc.constant('end-read' as const), stream: u32 }),
    fc.record({ type: fc.constant('reset' as const), stream: u32, code: fc.integer({ min: 0, max: 0xffff }), sent: wide }),
    fc.record({ type: fc.constant('go-away' as const) }),
    fc.record({ type: fc.constant('close' as const), code: fc.constantFrom('closed', 'stoq.session_revoked', 'trustchain.x_1') }),
  );

  test('are read as they were written, any number in one record', () => {
    fc.assert(
      fc.property(fc.array(frames), (list) => {
        expect(decodeControl(Buffer.concat(list.map(encodeControl)))).toEqual(list);
      }),
    );
  });

  test('have these bytes', () => {
    const hex = (frame: ControlFrame): string => Buffer.from(encodeControl(frame)).toString('hex');
    expect(hex({ type: 'ping', token: 258 })).toBe('0100000102');
    expect(hex({ type: 'pong', token: 1 })).toBe('0200000001');
    expect(hex({ type: 'stream-credit', stream: 2, limit: 2 ** 40 + 1 })).toBe('03000000020000010000000001');
    expect(hex({ type: 'session-credit', limit: 255 })).toBe('0400000000000000ff');
    expect(hex({ type: 'streams', limit: 1024 })).toBe('0500000400');
    expect(hex({ type: 'end-read', stream: 7 })).toBe('0600000007');
    expect(hex({ type: 'reset', stream: 7, code: 513, sent: 9 })).toBe('070000000702010000000000000009');
    expect(hex({ type: 'go-away' })).toBe('08');
    expect(hex({ type: 'close', code: 'closed' })).toBe('0906636c6f736564');
  });

  test('of random bytes give frames or a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const error = thrown(() => decodeControl(bytes));
        expect(error === undefined || hasCode(error, 'stoq.record_malformed')).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
