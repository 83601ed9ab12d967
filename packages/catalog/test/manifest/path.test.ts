import { describe, expect, test } from 'vitest';
import { PATH_DEPTH_MAX, PATH_LENGTH_MAX, pathProblem } from '../../src/manifest/path.ts';

const deep = (folders: number): string => Array.from({ length: folders }, () => 'd').join('/');

describe('a path in a package', () => {
  test.each([['a'], ['a/b/c.txt'], ['..a'], ['a b'], ['x'.repeat(PATH_LENGTH_MAX)], [deep(PATH_DEPTH_MAX)]])('may be %j', (path) => {
    expect(pathProblem(path)).toBeUndefined();
  });

  test.each([
    ['', 'characters'],
    ['x'.repeat(PATH_LENGTH_MAX + 1), 'characters'],
    ['/etc/passwd', 'relative'],
    ['a/../../b', '..'],
    ['..', '..'],
    ['./a', '.'],
    ['a//b', 'empty'],
    ['a/', 'empty'],
    ['a\\b', 'backslash'],
    ['c:/a', 'colon'],
    ['a\0b', 'printable'],
    ['na\u00efve', 'printable'],
    [deep(PATH_DEPTH_MAX + 1), 'deep'],
  ])('must not be %j', (path, reason) => {
    expect(pathProblem(path)).toContain(reason);
  });
});
