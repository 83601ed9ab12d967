import { expect, test } from 'vitest';
import { sessionLimits } from '../../src/session/limits.ts';

test.each([
  { recordBytesMax: 512 },
  { recordBytesMax: 65_537 },
  { streamCreditBytes: 100 },
  { sessionCreditBytes: 2_048 },
  { pingIntervalMs: 15_000 },
  { answerTimeoutMs: 15_000 },
])('limits that contradict each other are a mistake of the programmer: %s', (changes) => {
  expect(() => sessionLimits(changes)).toThrow(/record|credit|session/);
});
