import { expect, test } from 'vitest';
import { createBulkLoad } from '../../src/stoq/bulk.ts';
import { receive } from '../../src/stoq/receiver.ts';
import { measureStoq } from '../../src/stoq/suite.ts';

test('measures sessions against the raw carrier, with the other end in a process of its own', async () => {
  const sizes = { bulkMebibytes: 1, calls: 5, pipelinedCalls: 64, handshakes: 1 };
  const metrics = [];
  for await (const metric of measureStoq({ runs: 1, signal: AbortSignal.timeout(50_000), onProgress: () => undefined }, sizes)) {
    metrics.push(metric);
  }
  expect(metrics.map(({ name }) => name)).toEqual([
    'stoq.bulk.gbps',
    'stoq.bulk.ratio_raw',
    'stoq.rpc.ms',
    'stoq.rpc.per_s',
    'stoq.handshake.ms',
  ]);
  for (const { value } of metrics) expect(value).toBeGreaterThan(0);
  const [gbps, ratio] = metrics;
  expect(ratio?.value).toBeCloseTo((gbps?.value ?? 0) / (gbps?.baseline?.value ?? 1), 9);
}, 60_000);

test.each([
  ['a changed byte', (chunks: Uint8Array[]) => chunks.map((chunk, at) => (at === 1 ? chunk.map((byte) => byte ^ 1) : chunk))],
  ['a missing chunk', (chunks: Uint8Array[]) => chunks.slice(1)],
])('gives no figure for %s', async (_, damage) => {
  const load = createBulkLoad(3, 100);
  const sent: Uint8Array[] = [];
  await load.send({ write: async (bytes) => void sent.push(bytes), finish: async () => undefined });
  const received = (chunks: readonly Uint8Array[]): ReturnType<typeof receive> => {
    const left = [...chunks];
    return receive(async () => left.shift() ?? null);
  };
  expect(load.goodput(await received(sent))).toBeGreaterThan(0);
  const damaged = await received(damage(sent));
  expect(() => load.goodput(damaged)).toThrow(expect.objectContaining({ code: 'bench.data_wrong' }));
});
