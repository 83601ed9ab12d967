import { performance } from 'node:perf_hooks';

/** Milliseconds that each of `n` calls takes, one after the other, after `warmUp` calls that do not count. */
export async function sampleMs(n: number, warmUp: number, call: (turn: number) => unknown): Promise<number[]> {
  const samples: number[] = [];
  for (let turn = 0; turn < warmUp + n; turn++) {
    const startedAt = performance.now();
    await call(turn);
    if (turn >= warmUp) samples.push(performance.now() - startedAt);
  }
  return samples;
}

/** Runs `count` calls with at most `width` under way; answers how long all of them took, in milliseconds. */
export async function pipelineMs(count: number, width: number, call: (turn: number) => Promise<void>): Promise<number> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await call(next++);
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: width }, lane));
  return performance.now() - startedAt;
}
