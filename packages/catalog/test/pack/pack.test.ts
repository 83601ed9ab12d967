import { mkdtemp, mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobDigest, hasCode, stoqError } from '@hypermesh/stoq';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeManifest, FILE_BYTES_MAX, type Manifest } from '../../src/manifest/manifest.ts';
import { packageRoot } from '../../src/manifest/root.ts';
import { type BlobSource, loadPackage, openPackage, removeUnfinished } from '../../src/pack/load.ts';
import { packDirectory } from '../../src/pack/pack.ts';

const description = { kind: 'wasm', name: 'hello', version: '1.0.0', description: '', license: 'MIT', entry: 'main.wasm' } as const;
const signal = new AbortController().signal;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

let home: string;
let source: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'catalog-pack-'));
  source = join(home, 'source');
  await mkdir(join(source, 'assets'), { recursive: true });
  await writeFile(join(source, 'main.wasm'), 'module');
  await writeFile(join(source, 'assets', 'logo.txt'), 'logo');
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** Serves the given blobs by their content address. */
function blobsOf(contents: readonly Uint8Array[]): BlobSource {
  const blobs = new Map(contents.map((bytes) => [hex(blobDigest(bytes)), bytes]));
  return {
    async get(digest) {
      const bytes = blobs.get(hex(digest));
      if (bytes === undefined) throw stoqError('stoq.blob_missing');
      return bytes;
    },
  };
}

async function published(): Promise<{ manifest: Manifest; address: { root: Uint8Array; manifest: Uint8Array }; blobs: Uint8Array[] }> {
  const manifest = await packDirectory(source, description);
  const encoded = encodeManifest(manifest);
  const files = await Promise.all(manifest.files.map(({ path }) => readFile(join(source, path))));
  return {
    manifest,
    address: { root: packageRoot(manifest), manifest: blobDigest(encoded) },
    blobs: [encoded, ...files.map((bytes) => Uint8Array.from(bytes))],
  };
}

describe('packing a directory', () => {
  test('lists and hashes its files in order, without version control and installed modules', async () => {
    await mkdir(join(source, '.git'));
    await writeFile(join(source, '.git', 'HEAD'), 'ref');
    await mkdir(join(source, 'node_modules'));
    await writeFile(join(source, 'node_modules', 'x'), 'x');
    const manifest = await packDirectory(source, description);
    expect(manifest.files.map(({ path, size }) => [path, size])).toEqual([
      ['assets/logo.txt', 4],
      ['main.wasm', 6],
    ]);
    expect(manifest.files[1]?.blob).toBe(hex(blobDigest(new TextEncoder().encode('module'))));
  });

  test('refuses a symbolic link by name', async () => {
    await symlink('/etc/passwd', join(source, 'passwd'));
    await expect(packDirectory(source, description)).rejects.toMatchObject({
      code: 'catalog.path_invalid',
      data: expect.objectContaining({ path: 'passwd' }),
    });
  });

  test('refuses a file over the limit without reading it', async () => {
    await writeFile(join(source, 'large'), '');
    await truncate(join(source, 'large'), FILE_BYTES_MAX + 1);
    await expect(packDirectory(source, description)).rejects.toMatchObject({
      code: 'catalog.package_too_large',
      data: expect.objectContaining({ path: 'large' }),
    });
  });

  test('refuses a name that no package may hold', async () => {
    await writeFile(join(source, 'a:b'), '');
    await expect(packDirectory(source, description)).rejects.toMatchObject({
      code: 'catalog.path_invalid',
      data: expect.objectContaining({ path: 'a:b' }),
    });
  });

  test('refuses an entry that is not there', async () => {
    await rm(join(source, 'main.wasm'));
    await expect(packDirectory(source, description)).rejects.toMatchObject({
      code: 'catalog.manifest_invalid',
      data: expect.objectContaining({ field: 'entry' }),
    });
  });
});

/** Files of a package are read-only. */
async function replace(path: string, content: string): Promise<void> {
  await rm(path);
  await writeFile(path, content);
}

describe('loading a package', () => {
  test('brings and verifies every file, then opens it from disk', async () => {
    const { manifest, address, blobs } = await published();
    const store = join(home, 'store');
    const loaded = await loadPackage(store, address, blobsOf(blobs), signal);
    expect(loaded.manifest).toEqual(manifest);
    expect(await readFile(join(loaded.directory, 'assets/logo.txt'), 'utf8')).toBe('logo');
    expect(await loadPackage(store, address, blobsOf([]), signal)).toEqual(loaded);
    expect((await readdir(store)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  test('two loads of one package at once both succeed', async () => {
    const { address, blobs } = await published();
    const load = () => loadPackage(join(home, 'store'), address, blobsOf(blobs), signal);
    const [one, two] = await Promise.all([load(), load()]);
    expect(one).toEqual(two);
  });

  test('leaves nothing behind when a blob is missing', async () => {
    const { address, blobs } = await published();
    const store = join(home, 'store');
    await expect(loadPackage(store, address, blobsOf(blobs.slice(0, 2)), signal)).rejects.toSatisfy((error) =>
      hasCode(error, 'stoq.blob_missing'),
    );
    expect(await readdir(store)).toEqual([]);
  });

  test('refuses a manifest that is not of the root', async () => {
    const { address, manifest, blobs } = await published();
    const other = encodeManifest({ ...manifest, version: '6.6.6' });
    const lying: BlobSource = {
      get: async (digest, options) => (hex(digest) === hex(address.manifest) ? other : blobsOf(blobs).get(digest, options)),
    };
    await expect(loadPackage(join(home, 'store'), address, lying, signal)).rejects.toMatchObject({ code: 'catalog.root_mismatch' });
  });

  test('refuses a file with one flipped bit, fetched or on disk', async () => {
    const { address, manifest, blobs } = await published();
    const good = blobsOf(blobs);
    const flipping: BlobSource = {
      async get(digest, options) {
        const bytes = Uint8Array.from(await good.get(digest, options));
        if (hex(digest) === manifest.files[1]?.blob) bytes[0] = (bytes[0] as number) ^ 1;
        return bytes;
      },
    };
    const store = join(home, 'store');
    await expect(loadPackage(store, address, flipping, signal)).rejects.toMatchObject({
      code: 'catalog.file_mismatch',
      data: { path: 'main.wasm' },
    });
    const { directory } = await loadPackage(store, address, good, signal);
    await rm(join(directory, 'main.wasm'));
    await writeFile(join(directory, 'main.wasm'), 'modulE');
    await expect(openPackage(join(directory, '..'), address.root)).rejects.toMatchObject({ code: 'catalog.file_mismatch' });
    await rm(join(directory, 'main.wasm'));
    await expect(openPackage(join(directory, '..'), address.root)).rejects.toMatchObject({ code: 'catalog.file_missing' });
  });

  test.each<[string, (home: string) => Promise<void>]>([
    ['a flipped bit', (path) => replace(join(path, 'files', 'main.wasm'), 'modulE')],
    ['a missing file', (path) => rm(join(path, 'files', 'main.wasm'))],
    ['a torn manifest', (path) => replace(join(path, 'manifest.json'), '{"apiV')],
    ['a missing manifest', (path) => rm(join(path, 'manifest.json'))],
    ['a manifest that is no longer of the root', (path) => replace(join(path, 'manifest.json'), '')],
  ])('fetches a package again that the disk has altered: %s', async (_, damage) => {
    const { address, blobs } = await published();
    const store = join(home, 'store');
    const loaded = await loadPackage(store, address, blobsOf(blobs), signal);
    await damage(join(loaded.directory, '..'));
    expect(await loadPackage(store, address, blobsOf(blobs), signal)).toEqual(loaded);
    expect(await readFile(join(loaded.directory, 'main.wasm'), 'utf8')).toBe('module');
    expect(await readdir(store)).toHaveLength(1);
  });

  test('removes what an earlier process did not finish, and nothing else', async () => {
    const { address, blobs } = await published();
    const store = join(home, 'store');
    const { directory } = await loadPackage(store, address, blobsOf(blobs), signal);
    const kept = await readdir(store);
    await mkdir(join(store, `${kept[0]}.00.part`, 'files'), { recursive: true });
    await removeUnfinished(store);
    expect(await readdir(store)).toEqual(kept);
    await expect(openPackage(join(directory, '..'), address.root)).resolves.toBeDefined();
  });
});
