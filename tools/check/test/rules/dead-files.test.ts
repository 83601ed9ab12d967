import { describe, expect, it } from 'vitest';
import { checkDeadFiles } from '../../src/rules/dead-files.ts';
import { repositoryOf } from '../repository-of.ts';

const files = {
  'packages/stoq/src/index.ts': "export * from './a.ts';",
  'packages/stoq/src/a.ts': "import type { B } from './b.ts'; new Worker(new URL('./work.entry.ts', import.meta.url));",
  'packages/stoq/src/b.ts': '',
  'packages/stoq/src/work.entry.ts': "import './worker.ts';",
  'packages/stoq/src/worker.ts': '',
  'packages/stoq/src/ambient.d.ts': 'declare const x: number;',
  'packages/stoq/test/a.test.ts': "import './support.ts';",
  'packages/stoq/test/support.ts': '',
  'tools/bootstrap.mjs': "run('tools/bench/dist/main.js')",
  'tools/bench/src/main.ts': '',
  'tools/bench/package.json': '{ "name": "@hypermesh/bench" }',
  'tools/cli/src/main.ts': "import './up.ts';",
  'tools/cli/src/up.ts': '',
  'tools/cli/package.json': '{ "name": "@hypermesh/cli", "bin": { "hypermesh": "dist/main.js" } }',
};

describe('dead files', () => {
  it('accepts files that an export, a command, a program of the bootstrap, a test or a started entry reaches', () => {
    expect(checkDeadFiles(repositoryOf(files))).toEqual([]);
  });

  it.each([
    ['a source that nothing imports', { 'packages/stoq/src/lost.ts': '' }, ['packages/stoq/src/lost.ts']],
    ['a test support file that no test imports', { 'packages/stoq/test/lost.ts': '' }, ['packages/stoq/test/lost.ts']],
    ['an entry file that nothing starts', { 'packages/stoq/src/lost.entry.ts': '' }, ['packages/stoq/src/lost.entry.ts']],
    ['an entry file of another package', { 'packages/caesar/src/work.entry.ts': '' }, ['packages/caesar/src/work.entry.ts']],
    [
      'two files that import each other',
      { 'packages/stoq/src/x.ts': "import './y.ts';", 'packages/stoq/src/y.ts': "import './x.ts';" },
      ['packages/stoq/src/x.ts', 'packages/stoq/src/y.ts'],
    ],
    ['what only a deleted command ran', { 'tools/bootstrap.mjs': '' }, ['tools/bench/src/main.ts']],
  ])('refuses %s', (_, added, expected) => {
    expect(checkDeadFiles(repositoryOf({ ...files, ...added })).map(({ file }) => file)).toEqual(expected);
  });
});
