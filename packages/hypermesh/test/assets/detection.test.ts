import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { availableParallelism, networkInterfaces, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { encode } from '@hypermesh/stoq';
import { expect, it, onTestFinished } from 'vitest';
import { allocatable, detectAssets } from '../../src/assets/detection.ts';
import { detectedAssetCodec } from '../../src/mesh-machine/asset.ts';
import { assertBacked } from '../../src/mesh-machine/node.ts';

it('finds what this machine has', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'assets-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const assets = await detectAssets(directory);
  const { blocks, bsize } = await statfs(directory);
  const quantities = Object.fromEntries(assets.map(({ kind, name, quantity }) => [`${kind}/${name}`, quantity]));
  const external = Object.entries(networkInterfaces()).filter(([, addresses]) => addresses?.some(({ internal }) => !internal));
  expect(quantities).toEqual({
    'cpu/cpu': availableParallelism(),
    'memory/memory': totalmem(),
    'storage/state': blocks * bsize,
    ...Object.fromEntries(external.map(([name]) => [`network/${name}`, 1])),
  });
  for (const asset of assets) expect(encode(detectedAssetCodec, asset).length).toBeGreaterThan(0);
});

it('offers no more than was found, and leaves memory to the system', async () => {
  const assets = await detectAssets(tmpdir());
  const capacity = allocatable(assets);
  assertBacked(capacity, assets);
  expect(capacity.cpuMillis).toBe(availableParallelism() * 1_000);
  expect(capacity.memoryBytes).toBeLessThan(totalmem());
});

it('says when the directory is missing', async () => {
  await expect(detectAssets('/nowhere/at/all')).rejects.toMatchObject({ code: 'ENOENT' });
});
