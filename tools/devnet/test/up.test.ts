import { mkdirSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startMesh } from '../src/up.ts';

// Keys, certificates and genesis of eight daemons, on a machine that does other things.
const MAKING_MS = 120_000;
const { signal } = new AbortController();

/** Where temporary folders of this test are made. */
async function temporaryRoot(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'temporary root '));
  vi.stubEnv('TMPDIR', root);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(root, { recursive: true, force: true });
  });
  return root;
}

test('a temporary mesh that is interrupted before it stands leaves nothing', async () => {
  const root = await temporaryRoot();
  const starting = startMesh({ directory: null, signal: AbortSignal.abort(), onProgress: expect.unreachable, onLost: expect.unreachable });
  await expect(starting).rejects.toMatchObject({ name: 'AbortError' });
  expect(await readdir(root)).toEqual([]);
});

test('a temporary mesh that fails to start stays, and says where', async () => {
  const root = await temporaryRoot();
  const told: string[] = [];
  const failure = new Error('no keys');
  const onProgress = (text: string): void => {
    told.push(text);
    if (text.startsWith('making keys')) throw failure;
  };
  await expect(startMesh({ directory: null, signal, onProgress, onLost: expect.unreachable })).rejects.toBe(failure);
  const [name] = await readdir(root);
  expect(told.at(-1)).toBe(`state and logs of the mesh are in ${join(root, name as string)}`);
});

test('whoever makes a mesh where another process has made one meanwhile is told so', { timeout: MAKING_MS }, async () => {
  const directory = await temporaryRoot();
  const home = join(directory, 'mesh');
  const onProgress = (): void => void mkdirSync(join(home, 'nodes'), { recursive: true });
  await expect(startMesh({ directory, signal, onProgress, onLost: expect.unreachable })).rejects.toMatchObject({
    code: 'devnet.directory_used',
    data: { directory: home },
  });
});
