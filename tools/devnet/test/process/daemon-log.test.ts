import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { endOfLog, lastLines, lastProblem } from '../../src/process/daemon-log.ts';

const line = (entry: object): string => `${JSON.stringify({ level: 'warn', pid: 7, msg: 'slow', ...entry })}\n`;

test.each([
  ['the last warning', [line({ msg: 'first' }), line({ msg: 'second' }), line({ level: 'info' })], 'second'],
  ['what failed with it', [line({ err: { message: 'no answer' } })], 'slow: no answer'],
  ['an error', [line({ level: 'error' }), 'words of a crash\n', 'null\n', '3\n'], 'slow'],
  ['none of another process', [line({ pid: 8 })], undefined],
  ['none in an empty log', [], undefined],
])('the last problem of a log is %s', (_, lines, problem) => expect(lastProblem(lines.join(''), 7)).toBe(problem));

test('the last words of a log are a few lines', () => {
  expect(lastLines('')).toBe('');
  expect(lastLines('1\n2\n3\n4\n5\n6\n')).toBe('2 | 3 | 4 | 5 | 6');
  expect(lastLines('x'.repeat(9_999)).length).toBeLessThan(9_999);
});

test('a log is read from its end, however long it is', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'daemon-log-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const log = join(directory, 'log');
  await writeFile(log, 'short\n');
  expect(await endOfLog(log)).toBe('short\n');
  await writeFile(log, `${'x'.repeat(2 ** 20)}\nlast\n`);
  const end = await endOfLog(log);
  expect([end.length, end.endsWith('\nlast\n')]).toEqual([2 ** 16, true]);
});
