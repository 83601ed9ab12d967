import { expect, test } from 'vitest';
import { runCommand } from '../src/command.ts';
import { latency } from '../src/report/metric.ts';
import type { Suite } from '../src/suite.ts';
import { SUITES } from '../src/suites.ts';

const counted: Suite = async function* ({ runs }) {
  yield latency(
    'test.one.ms',
    Array.from({ length: runs }, () => 2),
    { warmUp: 1 },
  );
  yield latency('test.two.ms', [4], {});
};

const failing: Suite = async function* () {
  yield latency('test.one.ms', [1], {});
  throw new Error('no figure');
};

async function run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const output = { write: (text: string) => void (out += text), writeError: (text: string) => void (err += text) };
  const code = await runCommand(args, { counted: [counted], failing: [failing] }, output, new AbortController().signal);
  return { code, out, err };
}

test.each([
  { args: [], names: 'name one of counted, failing' },
  { args: ['unknown'], names: 'name one of' },
  { args: ['toString'], names: 'name one of' },
  { args: ['counted', 'failing'], names: 'name one of' },
  { args: ['counted', '--runs', '0'], names: '--runs takes a whole number from 1 to 1000' },
  { args: ['counted', '--runs', '1001'], names: '--runs takes' },
  { args: ['counted', '--runs', '-1'], names: '--runs' },
  { args: ['counted', '--runs', '2.5'], names: '--runs takes' },
  { args: ['counted', '--runs'], names: '--runs' },
  { args: ['counted', '--unknown'], names: "'--unknown'" },
])('answers $args with what is wrong and the usage', async ({ args, names }) => {
  const { code, out, err } = await run(...args);
  expect(code).toBe(2);
  expect(out).toBe('');
  expect(err.split('usage: npm run bench -- counted|failing')).toEqual([expect.stringContaining(names), expect.anything()]);
});

test('helps on standard output', async () => {
  const { code, out, err } = await run('--help');
  expect(code).toBe(0);
  expect(out).toContain('usage: npm run bench -- counted|failing');
  expect(err).toBe('');
});

test('prints one JSON object a metric with the facts of the machine', async () => {
  const { code, out } = await run('counted', '--json', '--runs', '3');
  expect(code).toBe(0);
  const metrics = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(metrics.map(({ name, n }) => [name, n])).toEqual([
    ['test.one.ms', 3],
    ['test.two.ms', 1],
  ]);
  expect(metrics[0].params).toMatchObject({ warmUp: 1, node: process.version, kernel: expect.any(String), load1: expect.any(Number) });
});

test('prints a table without --json, five runs by default', async () => {
  const { out } = await run('counted');
  expect(out).toMatch(/^test\.one\.ms +2 +ms +2 +2 +2 +5 /m);
});

test('fails with the measurement, after what had been measured', async () => {
  await expect(run('failing', '--json')).rejects.toThrow('no figure');
});

test('offers what the page of targets is measured with', () => {
  expect(Object.keys(SUITES)).toEqual(['stoq', 'trustchain', 'consensus', 'mesh', 'catalog', 'caesar', 'all']);
});
