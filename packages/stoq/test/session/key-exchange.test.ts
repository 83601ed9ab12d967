import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CodedError, systemEntropy } from '../../src/index.ts';
import { startClient, startServer } from '../../src/session/key-exchange.ts';
import { sessionLimits } from '../../src/session/limits.ts';
import { alertCodec, decodeMessage, proofCodec } from '../../src/session/messages.ts';

/** `none` or a code of the handshake; anything else is a mistake. */
const TYPED = /^(none|stoq\.handshake_[a-z]+)$/;
const failure = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return error instanceof CodedError ? error.code : String(error);
  }
  return 'none';
};

describe('handshake messages', () => {
  const input = { binding: { kind: 'none' } as const, limits: sessionLimits(), entropy: systemEntropy };
  const start = startClient({ ...input, expect: 'bundle' });
  const { hello: answer } = startServer(input, start.hello);
  const mutated = (bytes: Uint8Array): fc.Arbitrary<Uint8Array> =>
    fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }).chain((changes) =>
      fc.nat(bytes.length).map((cut) => {
        const copy = Uint8Array.from(bytes);
        for (const [at, value] of changes) copy[at] = value;
        return cut % 3 === 0 ? copy.subarray(0, cut) : copy;
      }),
    );

  test('random or mutated hellos of a client give an answer or a typed error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated(start.hello)), (bytes) => {
        expect(failure(() => startServer(input, bytes))).toMatch(TYPED);
      }),
      { numRuns: 300 },
    );
  });

  test('random or mutated hellos of a server give secrets or a typed error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated(answer)), (bytes) => {
        expect(failure(() => startClient({ ...input, expect: 'bundle' }).complete(bytes))).toMatch(TYPED);
      }),
      { numRuns: 200 },
    );
  });

  test('random proofs and alerts give a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(failure(() => decodeMessage(proofCodec, bytes))).toMatch(TYPED);
        expect(failure(() => decodeMessage(alertCodec, bytes))).toMatch(TYPED);
      }),
      { numRuns: 500 },
    );
  });
});
