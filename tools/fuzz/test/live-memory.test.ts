import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { liveMemory, liveMiB, withLiveMemory } from '../src/live-memory.ts';

const soon = (): AbortSignal => AbortSignal.timeout(20_000);

async function openDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'fuzz-live-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

/** A process that runs until it is killed, once it has run `script`. */
async function start(script: string): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn(process.execPath, ['-e', `${script}; setInterval(() => {}, 1000); console.log('ready')`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child as ChildProcess & { readonly pid: number };
}

test('what a process holds is counted, its garbage is not', { timeout: 30_000 }, async () => {
  const directory = await openDirectory();
  const held = await withLiveMemory(directory, () => start('globalThis.held = new Uint8Array(64 * 1024 * 1024).fill(1)'));
  const garbage = await withLiveMemory(directory, () => start('for (let at = 0; at < 64; at++) new Uint8Array(1024 * 1024).fill(1)'));
  const [holding, collected] = await Promise.all([liveMiB(directory, held.pid, soon()), liveMiB(directory, garbage.pid, soon())]);
  expect(collected).toBeGreaterThan(1);
  expect(holding - collected).toBeGreaterThan(60);
  expect(holding - collected).toBeLessThan(68);
});

test('a process that is gone is an error, and later processes start as ever', { timeout: 30_000 }, async () => {
  const directory = await openDirectory();
  const before = { ...process.env };
  const child = await withLiveMemory(directory, () => start(''));
  expect(process.env).toEqual(before);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await expect(liveMiB(directory, child.pid, soon())).rejects.toThrow('ESRCH');
  const aborted = AbortSignal.abort(new Error('no more'));
  await expect(liveMiB(directory, process.pid, aborted)).rejects.toThrow('no more');
});

test('growth by what sessions come and go is flat, growth beyond is not', () => {
  expect(liveMemory(30, 38)).toEqual({ firstMiB: 30, lastMiB: 38, flat: true });
  expect(liveMemory(30, 38.1).flat).toBe(false);
  expect(liveMemory(30, 20).flat).toBe(true);
});
