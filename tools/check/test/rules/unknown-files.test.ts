import { describe, expect, it } from 'vitest';
import { checkUnknownFiles } from '../../src/rules/unknown-files.ts';
import { createRepository } from '../../src/repository.ts';
import { repositoryOf } from '../repository-of.ts';

describe('unknown files', () => {
  it('accepts the kinds of each place', () => {
    const paths = [
      '.gitignore',
      'README.md',
      'pnpm-lock.yaml',
      '.ci/run',
      'docs/performance.jsonl',
      'docs/design/stoq.md',
      'examples/hello/app.yaml',
      'examples/hello-container/www/node',
      'packages/stoq/README.md',
      'packages/stoq/package.json',
      'packages/stoq/src/index.ts',
      'packages/stoq/test/session/vectors/handshake-1.json',
      'packages/catalog/test/guests/hostile.as',
      'toolchain/package-lock.json',
      'tools/bootstrap.mjs',
      'tools/cli/tsconfig.json',
    ];
    expect(checkUnknownFiles(repositoryOf(Object.fromEntries(paths.map((path) => [path, '']))))).toEqual([]);
  });

  it.each([
    ['the log of a profiler', 'isolate-0x5581f0-127-v8.log'],
    ['a document of the root that nobody placed there', 'NOTES.md'],
    ['a file without an extension', 'core'],
    ['a log beside sources', 'packages/stoq/src/run.log'],
    ['a report beside sources', 'packages/stoq/report.json'],
    ['a profile', 'tools/bench/CPU.20260101.cpuprofile'],
    ['an output with the name of a manifest', 'tools/bench/out/package.json'],
    ['an environment file', 'tools/cli/.env'],
    ['a name that only ends like a known extension', 'docs/performancejsonl'],
    ['a program at the wrong place', 'packages/bootstrap.mjs'],
    ['a folder that nobody placed there', 'scratch/a.ts'],
  ])('refuses %s', (_, file) => {
    expect(checkUnknownFiles(createRepository(new Map([[file, '']])))).toMatchObject([
      { file, line: 1, rule: 'unknown-files', remedy: expect.stringContaining('remove it') },
    ]);
  });

  it('refuses binaries too', () => {
    const file = 'packages/stoq/heap.bin';
    expect(checkUnknownFiles(createRepository(new Map(), [file]))).toMatchObject([{ file }]);
  });
});
