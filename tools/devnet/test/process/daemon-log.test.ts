import { expect, test } from 'vitest';
import { lastLines, lastProblem } from '../../src/process/daemon-log.ts';

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
