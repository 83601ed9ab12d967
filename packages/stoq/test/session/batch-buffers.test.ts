import { expect, test } from 'vitest';
import { BatchBuffers } from '../../src/session/batch-buffers.ts';

test('large buffers come back, two at most; small and foreign ones do not', () => {
  const buffers = new BatchBuffers();
  const taken = [200_000, 256_000, 260_000].map((length) => buffers.take(length));
  expect(taken.map((bytes) => bytes.length)).toEqual([200_000, 256_000, 260_000]);
  for (const bytes of taken) buffers.give(bytes);
  buffers.give(new Uint8Array(300_000));
  buffers.give(buffers.take(100));
  const again = [buffers.take(150_000), buffers.take(150_000), buffers.take(150_000)].map((bytes) => bytes.buffer);
  expect(again.filter((buffer) => taken.some((bytes) => bytes.buffer === buffer))).toHaveLength(2);
  expect(new Set(again).size).toBe(3);
  expect(buffers.take(1_000_000)).toHaveLength(1_000_000);
});
