import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildPackage } from '../../src/author/build.ts';
import { readDescription } from '../../src/author/description.ts';
import { createWasmDriver } from '../../src/executor/wasm-driver.ts';

const EXAMPLE = fileURLToPath(new URL('../../../../examples/hello', import.meta.url));
const MINIMAL = ['apiVersion: catalog/v1', 'kind: dataset', 'name: data', 'version: 1.0.0', 'license: MIT', 'entry: data.txt'];

let home: string;
let source: string;
let staging: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'catalog-author-'));
  [source, staging] = [join(home, 'source'), join(home, 'staging')];
  await Promise.all([mkdir(source), mkdir(staging)]);
});
afterEach(() => rm(home, { recursive: true, force: true }));

const describeAs = (...lines: string[]): Promise<void> => writeFile(join(source, 'package.yaml'), [...MINIMAL, ...lines].join('\n'));

describe('building', () => {
  test('compiles the example to one WebAssembly module, the same each time', async () => {
    await cp(EXAMPLE, source, { recursive: true });
    const built = await buildPackage(source, staging);
    expect(built.manifest).toMatchObject({ kind: 'wasm', name: 'hello', entry: 'hello.wasm' });
    expect(built.manifest.files.map(({ path }) => path)).toEqual(['hello.wasm', 'package.yaml']);
    const again = join(home, 'again');
    await mkdir(again);
    expect((await buildPackage(source, again)).manifest).toEqual(built.manifest);
  });

  test.each([
    { thrown: "'no such table'", told: 'no such table' },
    { thrown: "'x'.repeat(5000)", told: 'x'.repeat(1000) },
  ])('has what a program throws written to its log, with its place: $thrown', async ({ thrown, told }) => {
    await cp(EXAMPLE, source, { recursive: true });
    const program = `export function _start(): void {\n  throw new Error(${thrown});\n}`;
    await writeFile(join(source, 'assembly', 'index.ts'), program);
    await buildPackage(source, staging);
    const module = new WebAssembly.Module(await readFile(join(staging, 'hello.wasm')));
    expect(WebAssembly.Module.exports(module).map(({ name }) => name)).toEqual(['_start', 'memory']);
    const driver = createWasmDriver({ cacheDirectory: join(home, 'cache') });
    const limits = { memoryBytesMax: 2 ** 24, pidsMax: 1, cpuMillis: 1, fuelPerRequest: 1_000_000n, requestMsMax: 3_000 };
    const places = { packageDirectory: staging, entry: 'hello.wasm', stateDirectory: join(home, 'state') };
    const { signal } = new AbortController();
    const workload = await driver.start({ id: 'a-1', lease: 1, args: [], env: {}, limits, ...places }, { signal });
    const request = { method: 'GET', path: '/', headers: {}, body: new Uint8Array() };
    await expect(workload.handle(request, { signal })).rejects.toMatchObject({ data: { reason: 'trap: unreachable' } });
    expect(workload.logs(10)).toEqual([`abort: ${told} at assembly/index.ts:2:3`, 'failed: trap: unreachable']);
    await workload.stop({ graceMs: 1_000 });
  });

  test('says what does not compile', async () => {
    await cp(EXAMPLE, source, { recursive: true });
    await writeFile(join(source, 'assembly', 'index.ts'), 'export function _start(): void { nothing(); }');
    await expect(buildPackage(source, staging)).rejects.toMatchObject({
      code: 'catalog.build_failed',
      data: { main: 'assembly/index.ts', reason: expect.stringContaining("Cannot find name 'nothing'") },
    });
  });

  test('reads no source outside the directory', async () => {
    await cp(EXAMPLE, source, { recursive: true });
    await writeFile(join(home, 'secret.ts'), 'export const secret = 1;');
    await writeFile(
      join(source, 'assembly', 'index.ts'),
      "import { secret } from '../../secret';\nexport function _start(): void { secret; }",
    );
    await expect(buildPackage(source, staging)).rejects.toMatchObject({ code: 'catalog.build_failed' });
  });

  test('refuses a module that no node could run', async () => {
    await describeAs();
    await writeFile(join(source, 'package.yaml'), MINIMAL.join('\n').replace('dataset', 'wasm'));
    await writeFile(join(source, 'data.txt'), 'no module');
    await expect(buildPackage(source, staging)).rejects.toMatchObject({ code: 'catalog.module_malformed' });
  });

  test('packs a directory without a build as it stands', async () => {
    await describeAs();
    await writeFile(join(source, 'data.txt'), 'data');
    expect(await buildPackage(source, staging)).toMatchObject({ directory: source, manifest: { name: 'data', description: '' } });
  });
});

describe('a description', () => {
  test.each<[string, string[], object]>([
    ['an unknown field', ['author: me'], { field: 'file' }],
    ['a field twice', ['name: other'], { reason: expect.stringContaining('unique') }],
    ['a path outside', ['build: { assemblyscript: ../main.ts }'], { field: 'build.assemblyscript' }],
    ['broken YAML', ['x: ['], {}],
    ['more bytes than a description has', [`# ${'x'.repeat(65 * 1024)}`], { bytesMax: 65_536 }],
  ])('is refused with %s', async (_, lines, data) => {
    await describeAs(...lines);
    await expect(readDescription(source)).rejects.toMatchObject({ code: 'catalog.description_invalid', data });
  });

  test('is asked for by name when it is missing', async () => {
    await expect(readDescription(source)).rejects.toMatchObject({
      code: 'catalog.description_invalid',
      data: { file: join(source, 'package.yaml'), reason: 'there is no such file' },
    });
  });
});
