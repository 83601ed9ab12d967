import { checkModule, limitMemory } from '@hypermesh/catalog';
import { beforeAll, describe, expect, it } from 'vitest';
import { type GuestResult, runGuest } from '../../src/executor/guest-run.ts';
import { instrument } from '../../src/metering/instrument.ts';
import { compileGuest, hostileSource } from '../guests/guest.ts';

const MEMORY_BYTES_MAX = 4 * 2 ** 20;
const host = {
  now: () => 1_700_000_000_000_000_000n,
  monotonic: () => 5n,
  fillRandom: (target: Uint8Array) => void target.fill(counter++),
};
let counter = 0;
let module: WebAssembly.Module;

beforeAll(async () => {
  module = new WebAssembly.Module(limitMemory(instrument(await compileGuest(await hostileSource())), MEMORY_BYTES_MAX));
}, 60_000);

function run(path: string, fuel = 5_000_000n): GuestResult {
  return runGuest(module, { env: [`PATH_INFO=${path}`, 'GRANTED=yes'], args: ['guest'], body: Buffer.from('four'), fuel }, host);
}

function textOf(result: GuestResult): string {
  return result.outcome === 'response' ? Buffer.from(result.body).toString() : `${result.outcome}`;
}

describe('one run of a guest', () => {
  it('answers and says what it used', () => {
    const result = run('/');
    expect(textOf(result)).toBe('ok');
    expect(result.errors).toBe('body of 4\n');
    expect(result.fuelUsed > 0n && result.fuelUsed < 5_000_000n).toBe(true);
    expect(result.memoryBytes).toBeLessThanOrEqual(MEMORY_BYTES_MAX);
  });

  it('stops a loop exactly when its fuel is used up', () => {
    expect(run('/spin')).toMatchObject({ outcome: 'limit', limit: 'fuel', fuelUsed: 5_000_000n });
  });

  it('stops growth at the memory limit', () => {
    expect(run('/grow')).toMatchObject({ outcome: 'limit', limit: 'memory', memoryBytes: MEMORY_BYTES_MAX });
  });

  it('charges the host calls of a guest as well', () => {
    expect(run('/random', 200_000_000n).fuelUsed).toBeGreaterThan(Number(run('/badfd', 200_000_000n).fuelUsed));
    expect(run('/', 50n)).toMatchObject({ outcome: 'limit', limit: 'fuel' });
  });

  const answers: [path: string, text: string][] = [
    ['/open', '76'],
    ['/socket', '76'],
    ['/env', '||yes|'],
    ['/deep', '1000'],
    ['/fault', '21'],
    ['/vectors', '28'],
    ['/badfd', '88'],
    ['/random', 'true28'],
    ['/clock', '0true28'],
  ];
  it.each(answers)('answers %s with errno or value, never with more', (path, text) => {
    expect(textOf(run(path))).toBe(text);
  });

  it('reports what was refused, what failed and how it ended', () => {
    expect(run('/open').denied).toEqual({ path_open: 1 });
    expect(run('/exit')).toMatchObject({ outcome: 'failed', reason: 'exit code 3' });
    expect(run('/silent')).toMatchObject({ outcome: 'failed', reason: 'no CGI answer on standard output' });
    expect(run('/deeper')).toMatchObject({ outcome: 'failed', reason: 'trap: unreachable' });
  });
});

describe('module checks', () => {
  const header = [0, 97, 115, 109, 1, 0, 0, 0];
  const codeOf = (action: () => unknown): string => {
    try {
      action();
      return 'none';
    } catch (error) {
      return (error as { code?: string }).code ?? 'untyped';
    }
  };

  it('names what a module may not import or must export', async () => {
    const stranger = await compileGuest(
      `@external("env", "open") declare function open(): void; export function _start(): void { open(); }`,
    );
    expect(() => checkModule(stranger)).toThrow(/env\.open/u);
    expect(codeOf(() => checkModule(stranger))).toBe('catalog.module_import');
    expect(() => checkModule(new Uint8Array(header))).toThrow(/_start/u);
    expect(codeOf(() => checkModule(new Uint8Array(33 * 2 ** 20)))).toBe('catalog.module_too_large');
    expect(codeOf(() => checkModule(new Uint8Array(4)))).toBe('catalog.module_malformed');
  });

  const memories: [name: string, bytes: number[], code: string][] = [
    ['no memory', [], 'catalog.module_entry'],
    ['two memories', [5, 5, 2, 0, 1, 0, 1], 'catalog.module_malformed'],
    ['shared memory', [5, 4, 1, 3, 1, 2], 'catalog.module_malformed'],
    ['a minimum over the limit', [5, 4, 1, 0, 0x80, 0x02], 'catalog.module_memory'],
    ['a section beyond the end', [5, 9, 1], 'catalog.module_malformed'],
    ['an endless integer', [5, 0xff, 0xff, 0xff, 0xff, 0xff, 1], 'catalog.module_malformed'],
    ['an imported memory', [2, 10, 1, 3, 101, 110, 118, 1, 109, 2, 0, 1], 'catalog.module_import'],
  ];
  it.each(memories)('refuses %s', (_name, bytes, code) => {
    expect(codeOf(() => limitMemory(new Uint8Array([...header, ...bytes]), 64 * 65_536))).toBe(code);
  });

  it('keeps a maximum that is lower than the limit and lowers one that is higher', () => {
    const limited = (declared: number[]): number[] => [
      ...limitMemory(new Uint8Array([...header, 5, 3 + declared.length, 1, 1, 1, ...declared]), 300 * 65_536),
    ];
    expect(limited([2])).toEqual([...header, 5, 4, 1, 1, 1, 2]);
    expect(limited([0x80, 0x08])).toEqual([...header, 5, 5, 1, 1, 1, 0xac, 0x02]);
  });
});
