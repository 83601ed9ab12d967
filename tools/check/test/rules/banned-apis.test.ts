import { describe, expect, it } from 'vitest';
import { checkBannedApis } from '../../src/rules/banned-apis.ts';
import { repositoryOf } from '../repository-of.ts';

describe('banned APIs', () => {
  it.each([
    ['Math.random()', 'packages/stoq/src/a.ts', 'export const x = Math.random();'],
    ['Date.now as a value', 'packages/stoq/src/a.ts', 'export const clock = { now: Date.now };'],
    ['new Date()', 'packages/stoq/src/a.ts', 'export const x = new Date();'],
    ['performance.now()', 'packages/hypermesh/src/a.ts', 'export const x = performance.now();'],
    ['process.hrtime.bigint()', 'packages/stoq/src/a.ts', 'export const x = process.hrtime.bigint();'],
    ['process.exit()', 'tools/cli/src/a.ts', 'process.exit(1);'],
    ['a bare Error', 'packages/stoq/src/a.ts', "throw new Error('x');"],
    ['a TypeError', 'packages/stoq/src/a.ts', "throw new TypeError('x');"],
    ['code from a string', 'tools/cli/src/a.ts', "new Function('return 1')();"],
    ['node:wasi', 'packages/catalog/src/a.ts', "import { WASI } from 'node:wasi';"],
    ['unfinished work', 'tools/cli/test/a.test.ts', '// TODO: the rest'],
  ])('refuses %s', (_, file, text) => {
    expect(checkBannedApis(repositoryOf({ [file]: `\n${text}` }))).toMatchObject([{ file, line: 2 }]);
  });

  it.each([
    ['the system clock', 'packages/stoq/src/clock.ts', 'export const now = Date.now;'],
    ['the clock in a process of its own', 'packages/catalog/src/guest.entry.ts', 'export const x = performance.now();'],
    ['the end of a process of its own', 'packages/catalog/src/guest.entry.ts', 'process.exit(1);'],
    ['the clock in a tool', 'tools/bench/src/a.ts', 'export const x = performance.now();'],
    ['an Error in a test', 'packages/stoq/test/a.test.ts', "throw new Error('x');"],
    ['a date of a given time', 'packages/stoq/src/a.ts', 'export const x = new Date(0);'],
    ['a name in text', 'packages/stoq/src/a.ts', "// Date.now is not read here\nexport const x = 'Math.random TODO';"],
    ['a class of errors', 'packages/stoq/src/a.ts', 'export class CodedError extends Error {}'],
  ])('accepts %s', (_, file, text) => {
    expect(checkBannedApis(repositoryOf({ [file]: text }))).toEqual([]);
  });
});
