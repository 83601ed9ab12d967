import { expect, it } from 'vitest';
import { createTestSignatures } from '../src/test-signatures.ts';

it('verifies what the key signed and nothing else', () => {
  const signatures = createTestSignatures(2);
  const [key, other] = signatures.keys;
  const message = Uint8Array.of(1, 2, 3);
  const signature = signatures.sign(0, message);
  expect(signatures.verify(key!, message, signature)).toBe(true);
  expect(signatures.verify(other!, message, signature)).toBe(false);
  expect(signatures.verify(key!, Uint8Array.of(1, 2, 4), signature)).toBe(false);
});
