import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isInTree, MerkleTree } from '../../src/proof/merkle.ts';
import { CHUNK_BYTES, CHUNK_COUNT, encodePlot, PLOT_BYTES, plotTree } from '../../src/proof/plot.ts';
import { openPlot } from '../../src/proof/plot-file.ts';

describe('the data file', () => {
  it('is made once, durably, and differs between nodes and meshes', async () => {
    const home = await temporary();
    const [meshId, node] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const first = await openPlot(home, meshId, node);
    const { ino, size } = await stat(join(home, 'plot'));
    expect(size).toBe(PLOT_BYTES);
    await first.close();
    const again = await openPlot(home, meshId, node);
    expect(again.root).toEqual(first.root);
    expect((await stat(join(home, 'plot'))).ino).toBe(ino);
    await again.close();
    expect(plotTree(await encodePlot(meshId, meshId)).root).not.toEqual(first.root);
    expect(plotTree(await encodePlot(node, node)).root).not.toEqual(first.root);
  });

  it('starts over after a crash while it was made', async () => {
    const home = await temporary();
    await writeFile(join(home, 'plot.partial'), 'half');
    const made = await openPlot(home, new Uint8Array(32), new Uint8Array(32));
    await made.close();
    expect((await stat(join(home, 'plot'))).size).toBe(PLOT_BYTES);
  });

  it('is refused when a byte differs or the end is missing, and noticed when it shrinks later', async () => {
    const home = await temporary();
    const id = new Uint8Array(32);
    await (await openPlot(home, id, id)).close();
    const path = join(home, 'plot');
    const whole = await readFile(path);
    await writeFile(path, whole.subarray(1));
    await expect(openPlot(home, id, id)).rejects.toMatchObject({ code: 'hypermesh.storage_corrupt', data: { path } });
    const bad = Buffer.from(whole);
    bad[PLOT_BYTES - 1]! ^= 1;
    await writeFile(path, bad);
    await expect(openPlot(home, id, id)).rejects.toMatchObject({ code: 'hypermesh.storage_corrupt' });
    await writeFile(path, whole);
    const opened = await openPlot(home, id, id);
    const file = await open(path, 'r+');
    await file.truncate(CHUNK_BYTES);
    await file.close();
    await expect(opened.read(CHUNK_COUNT - 1)).rejects.toMatchObject({ code: 'hypermesh.storage_corrupt' });
    await opened.close();
  });

  it('needs all of itself: one other byte at the start changes every chunk', async () => {
    const one = await encodePlot(new Uint8Array(32), new Uint8Array(32));
    const other = await encodePlot(
      new Uint8Array(32),
      Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? 1 : 0)),
    );
    for (let at = 0; at < CHUNK_COUNT; at++) {
      const [left, right] = [one, other].map((data) => data.subarray(at * CHUNK_BYTES, (at + 1) * CHUNK_BYTES));
      expect(Buffer.compare(left!, right!)).not.toBe(0);
    }
  });
});

describe('the tree', () => {
  const chunks = Array.from({ length: 8 }, (_, at) => Uint8Array.of(at));
  const tree = new MerkleTree(chunks);

  it('proves each chunk at its place and nothing else', () => {
    chunks.forEach((chunk, index) => {
      const path = tree.path(index);
      expect(isInTree(tree.root, 3, { index, chunk, path })).toBe(true);
      expect(isInTree(tree.root, 3, { index: (index + 1) % 8, chunk, path })).toBe(false);
      expect(isInTree(tree.root, 3, { index: index + 8, chunk, path })).toBe(false);
      expect(isInTree(tree.root, 3, { index, chunk: Uint8Array.of(99), path })).toBe(false);
      expect(isInTree(tree.root, 3, { index, chunk, path: path.slice(1) })).toBe(false);
    });
  });

  it('does not take an inner node for a chunk', () => {
    const [sibling, ...upper] = tree.path(0);
    const inner = Buffer.concat([tree.path(1)[0]!, sibling!]);
    expect(isInTree(tree.root, 2, { index: 0, chunk: inner, path: upper })).toBe(false);
  });
});

async function temporary(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'proof-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}
