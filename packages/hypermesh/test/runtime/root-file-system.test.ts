import { createWriteStream } from 'node:fs';
import { lstat, mkdtemp, readFile, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Header, pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { unpackLayer } from '../../src/runtime/oci/root-file-system.ts';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'layer-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

type TestEntry = Partial<Header> & { readonly name: string } & { readonly content?: string };

async function unpack(entries: readonly TestEntry[]): Promise<string> {
  const archive = join(home, 'layer.tar');
  const tar = pack();
  for (const { content, ...header } of entries) tar.entry(header, content ?? '');
  tar.finalize();
  await pipeline(tar, createWriteStream(archive));
  const target = join(home, 'rootfs');
  await unpackLayer(archive, target, new AbortController().signal);
  return target;
}

describe('a layer', () => {
  test('is unpacked with files, folders and links, without set-user-id and write bits for others', async () => {
    const target = await unpack([
      { name: './', type: 'directory' },
      { name: 'bin/', type: 'directory' },
      { name: 'bin/busybox', content: 'program', mode: 0o4777 },
      { name: 'bin/sh', type: 'symlink', linkname: '/bin/busybox' },
      { name: 'bin/ash', type: 'link', linkname: 'bin/busybox' },
    ]);
    expect(await readFile(join(target, 'bin/ash'), 'utf8')).toBe('program');
    expect(await readlink(join(target, 'bin/sh'))).toBe('/bin/busybox');
    expect((await stat(join(target, 'bin/busybox'))).mode & 0o7777).toBe(0o755);
  });

  test.each<[string, TestEntry[]]>([
    ['a parent path', [{ name: '../outside', content: 'x' }]],
    ['a hidden parent path', [{ name: 'a/../../outside', content: 'x' }]],
    ['an absolute path', [{ name: '/outside', content: 'x' }]],
    [
      'a path through a symbolic link',
      [
        { name: 'link', type: 'symlink', linkname: '/tmp' },
        { name: 'link/outside', content: 'x' },
      ],
    ],
    ['a hard link that leaves', [{ name: 'passwd', type: 'link', linkname: '../layer.tar' }]],
    [
      'a hard link through a symbolic link',
      [
        { name: 'etc', type: 'symlink', linkname: '/etc' },
        { name: 'passwd', type: 'link', linkname: 'etc/passwd' },
      ],
    ],
    ['a device', [{ name: 'null', type: 'character-device', devmajor: 1, devminor: 3 }]],
    ['a fifo', [{ name: 'pipe', type: 'fifo' }]],
    [
      'a file twice',
      [
        { name: 'a', content: '1' },
        { name: 'a', content: '2' },
      ],
    ],
  ])('with %s is refused', async (_, entries) => {
    await expect(unpack(entries)).rejects.toMatchObject({ code: 'hypermesh.workload_failed' });
    await expect(lstat(join(home, 'outside'))).rejects.toThrow('ENOENT');
  });

  test('that is no archive is refused', async () => {
    const archive = join(home, 'layer.tar');
    await pipeline([Buffer.alloc(1024, 0x41)], createWriteStream(archive));
    await expect(unpackLayer(archive, join(home, 'rootfs'), new AbortController().signal)).rejects.toMatchObject({
      code: 'hypermesh.workload_failed',
    });
  });
});
