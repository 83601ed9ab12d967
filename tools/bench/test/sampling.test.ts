import { expect, test } from 'vitest';
import { pipelineMs, sampleMs } from '../src/sampling.ts';

test('calls the warm-up turns first and does not count them', async () => {
  const turns: number[] = [];
  const samples = await sampleMs(3, 2, (turn) => turns.push(turn));
  expect(turns).toEqual([0, 1, 2, 3, 4]);
  expect(samples).toHaveLength(3);
});

test('makes each call once, with no more than its width under way', async () => {
  let running = 0;
  let most = 0;
  const turns: number[] = [];
  await pipelineMs(20, 4, async (turn) => {
    most = Math.max(most, ++running);
    await new Promise(setImmediate);
    turns.push(turn);
    running--;
  });
  expect(most).toBe(4);
  expect(turns.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, turn) => turn));
});

test('fails when a call fails', async () => {
  const refused = pipelineMs(5, 2, async (turn) => {
    if (turn === 3) throw new Error('refused');
  });
  await expect(refused).rejects.toThrow('refused');
});
