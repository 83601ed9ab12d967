import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { alarmingLines, memoryReport, residentMiB } from '../src/sampler.ts';

const ramp = (from: number, to: number): number[] => Array.from({ length: 100 }, (_, at) => from + ((to - from) * at) / 99);

test.each<[string, readonly number[], boolean]>([
  ['as it was', ramp(200, 200), true],
  ['with garbage', ramp(200, 200).map((value, at) => value + (at % 7) * 10), true],
  ['collected in between', [...ramp(200, 300), ...ramp(200, 290)].filter((_, at) => at % 2 === 0), true],
  ['growing all the time', ramp(200, 400), false],
  ['of a large process growing by a half', ramp(800, 1_200), false],
])('memory %s', (_, samples, flat) => {
  expect(memoryReport(samples)).toMatchObject({ flat, firstMiB: samples[0], maxMiB: Math.max(...samples) });
});

test('memory of this process is known, of none is an error', async () => {
  expect(await residentMiB(process.pid)).toBeGreaterThan(10);
  await expect(residentMiB(2 ** 30)).rejects.toThrow('ENOENT');
});

test('a log shows what no daemon should write, from where the attack began', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'fuzz-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, 'log');
  const before = '{"level":60,"msg":"old"}\n';
  const bad = ['{"level":60,"msg":"stopped"}', 'Unhandled rejection', 'FATAL ERROR: heap out of memory'];
  await writeFile(file, `${before}{"level":30,"msg":"fine"}\n${bad.join('\n')}\n`);
  expect(await alarmingLines(file, before.length)).toEqual(bad);
});
