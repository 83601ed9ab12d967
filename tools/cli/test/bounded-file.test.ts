import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readBounded, readBoundedText } from '../src/bounded-file.ts';

const { signal } = new AbortController();
const LIMIT = { bytesMax: 8, signal };

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cli bounded-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('a file is read whole, to its limit', async () => {
  const path = join(directory, 'file');
  await writeFile(path, '8 bytes!');
  expect(await readBoundedText(path, LIMIT)).toBe('8 bytes!');
  expect(await readBounded(path, LIMIT)).toHaveLength(8);
});

test.each([
  { what: 'a larger file', path: 'large', data: { bytesMax: 8 } },
  { what: 'a folder', path: '.', data: { reason: 'is a directory' } },
  { what: 'nothing', path: 'missing', data: { reason: 'there is no such file' } },
  { what: 'an endless device', path: '/dev/zero', data: { bytesMax: 8 } },
])('$what is refused by its path', async ({ path, data }) => {
  await writeFile(join(directory, 'large'), '9 bytes!!');
  const whole = path.startsWith('/') ? path : join(directory, path);
  await expect(readBounded(whole, LIMIT)).rejects.toMatchObject({ code: 'cli.file_unusable', data: { path: whole, ...data } });
});

test('a read that is interrupted is no unusable file', async () => {
  await expect(readBounded(directory, { bytesMax: 8, signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
});
