import { describe, expect, it } from 'vitest';
import { checkLockfiles } from '../../src/rules/lockfiles.ts';
import { repositoryOf } from '../repository-of.ts';

const files = {
  'pnpm-lock.yaml': 'packages:\n  a@1.0.0:\n    resolution: {integrity: sha512-x}\n',
  'toolchain/package-lock.json': '{ "packages": { "a": { "integrity": "sha512-x" } } }',
};

describe('lockfiles', () => {
  it('accepts digests without addresses', () => expect(checkLockfiles(repositoryOf(files))).toEqual([]));

  it.each([
    ['a tarball address', { 'pnpm-lock.yaml': 'a:\n  tarball: https://registry.example/a.tgz' }, 'pnpm-lock.yaml', 2],
    ['a resolved address', { 'toolchain/package-lock.json': '{\n  "resolved": "x"\n}' }, 'toolchain/package-lock.json', 2],
    ['registry settings', { 'packages/stoq/.npmrc': 'registry=x' }, 'packages/stoq/.npmrc', 1],
  ])('refuses %s', (_, added, file, line) => {
    expect(checkLockfiles(repositoryOf({ ...files, ...added }))).toMatchObject([{ file, line }]);
  });

  it('refuses a missing lockfile', () => {
    expect(checkLockfiles(repositoryOf({ 'pnpm-lock.yaml': '' }))).toMatchObject([{ file: 'toolchain/package-lock.json' }]);
  });
});
