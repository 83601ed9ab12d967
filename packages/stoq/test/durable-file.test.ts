import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFile, replaceFile, syncDirectory } from '@hypermesh/stoq';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const bytesOf = (text: string): Uint8Array => Buffer.from(text);

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoq-durable-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a durable file', () => {
  test('is replaced whole, readable by its owner only, and leaves no other file', async () => {
    const path = join(folder, 'state');
    await writeFile(path, 'the old contents', { mode: 0o644 });
    await replaceFile(path, bytesOf('new'));
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['state']);
  });

  test('that cannot be put in place leaves nothing beside what is there', async () => {
    const path = join(folder, 'is-a-folder');
    await replaceFile(join(folder, 'other'), bytesOf('kept'));
    await mkdir(path);
    await expect(replaceFile(path, bytesOf('lost'))).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(createFile(join(folder, 'absent', 'state'), bytesOf('lost'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await readdir(folder)).toSorted()).toEqual(['is-a-folder', 'other']);
  });

  test('is created by one of many that try at once, with the contents of that one', async () => {
    const path = join(folder, 'key');
    const tries = ['a', 'b', 'c', 'd'].map((text) => createFile(path, bytesOf(text.repeat(1000))));
    const created = await Promise.all(tries);
    expect(created.filter(Boolean)).toHaveLength(1);
    expect(await readFile(path, 'utf8')).toBe('abcd'[created.indexOf(true)]?.repeat(1000));
    expect(await readdir(folder)).toEqual(['key']);
  });

  test('in a folder that is not there cannot be made to last', async () => {
    await expect(syncDirectory(join(folder, 'absent'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
