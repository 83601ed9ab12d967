import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCrypto, systemEntropy } from '@hypermesh/stoq';
import { loadSigningPair, IDENTITY_KEY, openKeystore, readPassphrase } from '@hypermesh/trustchain';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { contextNameOf, contextsDirectory, createContexts } from '../../src/context/contexts.ts';
import { prepareHome } from '../../src/context/home.ts';
import { runInProcess } from '../cli-run.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cli-contexts-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function homeAt(path: string): Promise<string> {
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'keystore'), 'keys');
  return path;
}

describe('contexts', () => {
  test.each([
    { env: { HYPERMESH_HOME: 'mine', XDG_CONFIG_HOME: '/x' }, expected: '/work/mine' },
    { env: { HYPERMESH_HOME: '', XDG_CONFIG_HOME: '/x' }, expected: '/x/hypermesh' },
    { env: { HOME: '/home/a' }, expected: '/home/a/.config/hypermesh' },
  ])('live in $expected', ({ env, expected }) => {
    expect(contextsDirectory(env, '/work')).toBe(expected);
  });

  test('a home that is moved in becomes current and goes with its keys', async () => {
    const contexts = createContexts(join(directory, 'config'));
    expect(await contexts.list()).toEqual([]);
    const entry = await contexts.add('lab', await homeAt(join(directory, 'pending')), { move: true });
    expect(entry).toMatchObject({ name: 'lab', current: true, linked: false });
    expect(await readFile(join(entry.home, 'keystore'), 'utf8')).toBe('keys');
    await contexts.remove('lab');
    expect(await contexts.current()).toBeNull();
    await expect(stat(entry.home)).rejects.toThrow('ENOENT');
  });

  test('a home that lies elsewhere is only named, and stays when the context goes', async () => {
    const contexts = createContexts(join(directory, 'config'));
    const home = await homeAt(join(directory, 'mesh'));
    expect(await contexts.add('local', home, { move: false })).toMatchObject({ home, linked: true });
    await contexts.remove('local');
    expect(await readFile(join(home, 'keystore'), 'utf8')).toBe('keys');
  });

  test('a name is taken once, and a strange one never', async () => {
    const contexts = createContexts(join(directory, 'config'));
    await contexts.add('lab', await homeAt(join(directory, 'a')), { move: true });
    await expect(contexts.add('lab', await homeAt(join(directory, 'b')), { move: true })).rejects.toMatchObject({
      code: 'cli.context_exists',
    });
    await expect(contexts.add('../x', join(directory, 'b'), { move: false })).rejects.toMatchObject({ code: 'cli.usage' });
    await expect(contexts.use('gone')).rejects.toMatchObject({ code: 'cli.context_missing' });
  });

  test('a home that is named already stays, one that is gone makes room, and no other is replaced', async () => {
    const contexts = createContexts(join(directory, 'config'));
    const [one, other] = [await homeAt(join(directory, 'one')), await homeAt(join(directory, 'other'))];
    await contexts.add('local', one, { move: false });
    expect(await contexts.freeName('local', one)).toBe('local');
    expect(await contexts.add('local', one, { move: false })).toMatchObject({ home: one, current: true });
    await expect(contexts.assertFree('local', other)).rejects.toMatchObject({ code: 'cli.context_exists' });
    await expect(contexts.assertFree('local', null)).rejects.toMatchObject({ code: 'cli.context_exists' });
    expect(await contexts.freeName('local', other)).toBe('local-2');
    await contexts.add('local-2', other, { move: false });
    expect(await contexts.freeName('local', other)).toBe('local-2');
    expect(await contexts.freeName('local', null)).toBe('local-3');

    await rm(one, { recursive: true });
    expect(await contexts.find('local')).toMatchObject({ home: one, there: false });
    expect((await runInProcess(['context', 'ls'], { home: join(directory, 'config') })).stdout).toContain(`${one} (gone)`);
    expect(await contexts.add('local', other, { move: false })).toMatchObject({ home: other, there: true });
    await rm(other, { recursive: true });
    expect((await runInProcess(['status'], { home: join(directory, 'config') })).stderr).toContain('hypermesh logout');
    expect((await runInProcess(['logout'], { home: join(directory, 'config') })).stdout).toContain('its home is gone');
    expect(await contexts.add('local-2', await homeAt(join(directory, 'third')), { move: true })).toMatchObject({
      linked: false,
      there: true,
    });
  });

  test.each([
    { mesh: 'local', expected: 'local' },
    { mesh: 'My Mesh!', expected: 'my-mesh' },
    { mesh: '---', expected: 'mesh' },
    { mesh: 'x'.repeat(100), expected: 'x'.repeat(56) },
  ])('a mesh called $mesh has a context called $expected', ({ mesh, expected }) => {
    expect(contextNameOf(mesh)).toBe(expected);
  });

  test('a name that is taken is refused before a token is spent', async () => {
    const contexts = createContexts(directory);
    await contexts.add('lab', await homeAt(join(directory, 'a')), { move: true });
    for (const argv of [
      ['login', 'join1.AAAA', '--context', 'lab'],
      ['login', '--home', 'b', '--context', 'lab'],
    ]) {
      const { code, stderr } = await runInProcess(argv, { home: directory });
      expect({ argv, code }).toEqual({ argv, code: 2 });
      expect(stderr).toMatch(/^error: A context of that name is already there/u);
    }
  });

  test('the commands show, switch and forget them', async () => {
    const contexts = createContexts(directory);
    await contexts.add('one', await homeAt(join(directory, 'a')), { move: true });
    await contexts.add('two', await homeAt(join(directory, 'b')), { move: false });
    const names = async (): Promise<string[]> => {
      const { stdout } = await runInProcess(['context', 'ls', '--json'], { home: directory });
      return (JSON.parse(stdout) as { name: string; current: boolean }[]).map(({ name, current }) => (current ? `*${name}` : name));
    };
    expect(await names()).toEqual(['one', '*two']);
    expect((await runInProcess(['context', 'use', 'one'], { home: directory })).stdout).toContain('"one"');
    expect(await names()).toEqual(['*one', 'two']);
    expect((await runInProcess(['context', 'ls'], { home: directory })).stdout).toContain('*  one');

    const kept = await runInProcess(['logout'], { home: directory });
    expect(kept.code).toBe(2);
    expect(kept.stderr).toContain('--delete-keys');
    expect((await runInProcess(['logout', '--context', 'two'], { home: directory })).stdout).toContain('its keys stay');
    expect((await runInProcess(['logout', '--delete-keys'], { home: directory })).code).toBe(0);
    expect(await names()).toEqual([]);
  });
});

describe('the home of a newcomer', () => {
  test('has fresh keys that its passphrase opens, once', { timeout: 60_000 }, async () => {
    const crypto = await createCrypto();
    try {
      const home = join(directory, 'pending', 'x');
      const components = { crypto, entropy: systemEntropy, now: () => 1 };
      await prepareHome(home, ' join1.token\n', components);
      for (const file of ['keystore', 'passphrase', 'token']) expect((await stat(join(home, file))).mode & 0o077).toBe(0);
      expect(await readFile(join(home, 'token'), 'utf8')).toBe('join1.token\n');
      const keystore = await openKeystore(join(home, 'keystore'), await readPassphrase(join(home, 'passphrase')), components);
      expect(loadSigningPair(keystore, IDENTITY_KEY, crypto).postQuantum.publicKey.algorithm).toBe('falcon1024');
      keystore.close();

      const before = await readFile(join(home, 'keystore'));
      await prepareHome(home, 'join1.other', components);
      expect(await readFile(join(home, 'keystore'))).toEqual(before);
    } finally {
      await crypto.close();
    }
  });
});
