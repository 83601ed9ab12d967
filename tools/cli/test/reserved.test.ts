import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { intoNewFile, intoNewFolder } from '../src/reserved.ts';
import { runInProcess } from './cli-run.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cli reserved-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('a new file', () => {
  test('gets what the work answers, for its owner only', async () => {
    const path = join(directory, 'token');
    expect(await intoNewFile(path, async () => ({ text: 'secret\n', value: 7 }))).toBe(7);
    expect(await readFile(path, 'utf8')).toBe('secret\n');
    expect((await stat(path)).mode & 0o077).toBe(0);
  });

  test('that is there already is kept, and nothing is done', async () => {
    const path = join(directory, 'token');
    await writeFile(path, 'older');
    await expect(intoNewFile(path, expect.unreachable)).rejects.toThrow('EEXIST');
    expect(await readFile(path, 'utf8')).toBe('older');
  });

  test('goes when the work fails', async () => {
    const path = join(directory, 'token');
    await expect(intoNewFile(path, () => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });
});

describe('a new folder', () => {
  test('that is there already is kept, and nothing is done', async () => {
    const path = join(directory, 'package');
    await mkdir(join(path, 'mine'), { recursive: true });
    await expect(intoNewFolder(path, expect.unreachable)).rejects.toThrow('EEXIST');
    expect((await stat(join(path, 'mine'))).isDirectory()).toBe(true);
  });

  test('goes when the work fails', async () => {
    const path = join(directory, 'deep', 'package');
    const work = async (): Promise<never> => {
      await writeFile(join(path, 'half'), '');
      throw new Error('refused');
    };
    await expect(intoNewFolder(path, work)).rejects.toThrow('refused');
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });
});

test.each([{ argv: ['node', 'invite', '--output', 'there'] }, { argv: ['pkg', 'fetch', 'hello', '--output', 'there'] }])(
  '$argv sees that the place is taken before it asks the mesh',
  async ({ argv }) => {
    await writeFile(join(directory, 'there'), '');
    const { stdout } = await runInProcess([...argv, '--json'], { home: directory });
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'cli.file_unusable', data: { reason: 'EEXIST' } } });
  },
);
