import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { compareFindings, formatFinding } from '../src/finding.ts';
import { readRepository } from '../src/repository.ts';

const root = mkdtempSync(join(tmpdir(), 'hypermesh check '));
afterAll(() => rmSync(root, { recursive: true }));

describe('a repository', () => {
  it('is what git tracks or would track, binaries apart, without links to folders and ignored or deleted files', () => {
    const git = (...args: string[]): unknown => execFileSync('git', args, { cwd: root, stdio: 'pipe' });
    git('init', '-q');
    mkdirSync(join(root, 'docs/design'), { recursive: true });
    writeFileSync(join(root, '.gitignore'), 'ignored\n');
    writeFileSync(join(root, 'ignored'), 'x');
    writeFileSync(join(root, 'binary'), Buffer.from([1, 0, 2]));
    writeFileSync(join(root, 'docs/design/new.md'), '# New');
    writeFileSync(join(root, 'deleted.md'), '# Deleted');
    symlinkSync('docs', join(root, 'link-to-docs'));
    git('add', 'deleted.md');
    rmSync(join(root, 'deleted.md'));
    const repository = readRepository(root);
    expect(repository.paths).toEqual(['.gitignore', 'docs/design/new.md']);
    expect(repository.binaries).toEqual(['binary']);
    expect(repository.text('docs/design/new.md')).toBe('# New');
    expect([repository.hasDirectory('docs'), repository.hasDirectory('docs/design/'), repository.hasDirectory('doc')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(() => repository.text('ignored')).toThrow('no such file');
  });
});

describe('findings', () => {
  it('print place, rule, message and remedy, in the order of files and lines', () => {
    const finding = { file: 'b.ts', line: 3, rule: 'r', message: 'wrong', remedy: 'right' };
    expect(formatFinding(finding)).toBe('b.ts:3: r: wrong (right)');
    const sorted = [finding, { ...finding, line: 1 }, { ...finding, file: 'a.ts' }].toSorted(compareFindings);
    expect(sorted.map(({ file, line }) => `${file}:${line}`)).toEqual(['a.ts:3', 'b.ts:1', 'b.ts:3']);
  });
});
