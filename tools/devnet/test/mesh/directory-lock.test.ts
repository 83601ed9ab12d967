import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { assertPlatform, lockDirectory } from '../../src/mesh/directory-lock.ts';

test('a directory has one holder at a time', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'lock '));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const lock = await lockDirectory(directory);
  await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'devnet.directory_used', data: { directory } });
  lock[Symbol.dispose]();
  (await lockDirectory(directory))[Symbol.dispose]();
});

test('other systems than Linux are told that they cannot', () => {
  expect(() => assertPlatform('linux')).not.toThrow();
  for (const platform of ['darwin', 'win32', 'freebsd'] as const) {
    expect(() => assertPlatform(platform)).toThrow(expect.objectContaining({ code: 'devnet.unsupported', data: { platform } }));
  }
});
