import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createModuleCache, type ModuleCache } from '../../src/executor/module-cache.ts';
import { childrenOf } from '../guests/children.ts';
import { moduleOf, tableModule } from '../guests/modules.ts';

const PLAIN = moduleOf('(module (memory (export "memory") 1) (func (export "_start")))');
const { signal } = new AbortController();

let home: string;
let cache: ModuleCache;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'module-cache-'));
  cache = createModuleCache(join(home, 'modules'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

describe('the cache of metered modules', () => {
  it('meters a module once, in a process that is gone afterwards', async () => {
    const [one, two] = await Promise.all([cache.metered(PLAIN, signal), cache.metered(PLAIN, signal)]);
    expect(Buffer.from(one)).toEqual(Buffer.from(two));
    expect(WebAssembly.Module.exports(new WebAssembly.Module(one)).map(({ name }) => name)).toContain('__fuel');
    expect(await readdir(join(home, 'modules'))).toHaveLength(1);
    expect(Buffer.from(await cache.metered(PLAIN, AbortSignal.abort()))).toEqual(Buffer.from(one));
    expect(childrenOf('metering.entry')).toBe(0);
  });

  it.each([
    ['that is none', new Uint8Array(3), 'catalog.module_malformed'],
    ['that imports what nobody grants', moduleOf('(module (import "env" "open" (func)))'), 'catalog.module_import'],
    [
      'that uses vectors',
      moduleOf('(module (memory (export "memory") 1) (func (export "_start") (drop (v128.const i32x4 0 0 0 0))))'),
      'catalog.module_malformed',
    ],
    ['that is nested deeper than the stack of the compiler', nested(20_000), 'catalog.module_too_complex'],
  ])('refuses a module %s with its code', async (_, module, code) => {
    await expect(cache.metered(module, signal)).rejects.toMatchObject({ code });
    expect((await cache.metered(PLAIN, signal)).length).toBeGreaterThan(0);
  });

  it('ends the process of who gives up, and lets who waits leave at once', async () => {
    const giveUp = new AbortController();
    const meter = (module: Uint8Array) =>
      expect(cache.metered(module, giveUp.signal)).rejects.toMatchObject({ code: 'catalog.metering_failed' });
    const both = [meter(tableModule(20_000)), meter(tableModule(1))];
    giveUp.abort();
    await Promise.all(both);
    await cache.metered(PLAIN, signal);
    expect(childrenOf('metering.entry')).toBe(0);
  });
});

function nested(depth: number): Uint8Array {
  const body = [0, ...Array.from({ length: depth }, () => [0x02, 0x40]).flat(), ...Array.from({ length: depth + 1 }, () => 0x0b)];
  const size = (count: number): number[] => [(count & 0x7f) | 0x80, ((count >> 7) & 0x7f) | 0x80, count >> 14];
  const code = [1, ...size(body.length), ...body];
  const exports = [2, 6, ...Buffer.from('_start'), 0, 0, 6, ...Buffer.from('memory'), 2, 0];
  const sections = [1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, exports.length, ...exports, 10, ...size(code.length), ...code];
  return new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, ...sections]);
}
