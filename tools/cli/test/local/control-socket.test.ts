import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askForEnd, controlSocketOf, fitsSocket, openControlSocket } from '../../src/local/control-socket.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cli-sock-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('whoever asks for the end is told when it has come', async () => {
  const path = controlSocketOf(directory);
  // What a killed process has left.
  await writeFile(path, '');
  const control = await openControlSocket(path);
  let told = false;
  const asked = askForEnd(path, AbortSignal.timeout(10_000)).then(() => (told = true));
  await new Promise<void>((resolve) => control.signal.addEventListener('abort', () => resolve()));
  expect(told).toBe(false);
  await control[Symbol.asyncDispose]();
  await asked;
  expect(told).toBe(true);
  await expect(askForEnd(path, AbortSignal.timeout(10_000))).rejects.toMatchObject({ code: 'devnet.not_running' });
});

test('a path that the kernel would cut is recognised', () => {
  expect(fitsSocket(controlSocketOf(directory))).toBe(true);
  expect(fitsSocket(`/${'x'.repeat(103)}`)).toBe(false);
});
