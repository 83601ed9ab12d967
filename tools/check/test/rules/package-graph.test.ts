import { describe, expect, it } from 'vitest';
import { checkPackageGraph } from '../../src/rules/package-graph.ts';
import { repositoryOf } from '../repository-of.ts';

describe('package graph', () => {
  it.each([
    ['a lower package', 'packages/catalog/src/a.ts', "import { x } from '@hypermesh/stoq';"],
    ['an export of a lower package', 'packages/caesar/src/a.ts', "export * from '@hypermesh/mesh/machine';"],
    ['the testkit from a test', 'packages/stoq/test/a.test.ts', "import { x } from '@hypermesh/testkit';"],
    ['the own package from a test', 'packages/stoq/test/a.test.ts', "import { x } from '@hypermesh/stoq/host';"],
    ['a library', 'packages/stoq/src/a.ts', "import { x } from 'zod';"],
  ])('accepts the import of %s', (_, file, text) => {
    expect(checkPackageGraph(repositoryOf({ [file]: text }))).toEqual([]);
  });

  it.each([
    ['an import that points up', 'packages/stoq/src/a.ts', "import { x } from '@hypermesh/trustchain';"],
    ['a type import that points up', 'packages/trustchain/src/a.ts', "import type { X } from '@hypermesh/mesh';"],
    ['a re-export that points up', 'packages/trustchain/src/a.ts', "export * from '@hypermesh/mesh/client';"],
    ['a dynamic import that points up', 'packages/hypermesh/src/a.ts', "const x = await import('@hypermesh/catalog');"],
    ['an import type expression that points up', 'packages/stoq/src/a.ts', "export type X = import('@hypermesh/mesh').X;"],
    ['an import between siblings', 'packages/catalog/src/a.ts', "import { x } from '@hypermesh/caesar';"],
    ['a test that points up', 'packages/stoq/test/a.test.ts', "import { x } from '@hypermesh/mesh';"],
    ['the testkit from a source', 'packages/hypermesh/src/a.ts', "import { x } from '@hypermesh/testkit';"],
    ['the testkit from the CLI', 'tools/cli/src/a.ts', "import { x } from '@hypermesh/testkit';"],
    ['a daemon that imports the local mesh', 'tools/daemons/src/a.ts', "import { x } from '@hypermesh/devnet';"],
    ['a relative path into another package', 'packages/trustchain/src/a.ts', "import { x } from '../../stoq/src/b.ts';"],
    ['a package that imports itself by name', 'packages/stoq/src/a.ts', "import { x } from '@hypermesh/stoq';"],
  ])('refuses %s', (_, file, text) => {
    expect(checkPackageGraph(repositoryOf({ [file]: `\n${text}` }))).toMatchObject([{ file, line: 2, rule: 'package-graph' }]);
  });

  it('refuses a dependency that points up, of any kind', () => {
    for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']) {
      const manifest = JSON.stringify({ name: '@hypermesh/stoq', [kind]: { '@hypermesh/mesh': 'workspace:^' } }, null, 2);
      const findings = checkPackageGraph(repositoryOf({ 'packages/stoq/package.json': manifest }));
      expect(findings).toMatchObject([{ file: 'packages/stoq/package.json', line: 4 }]);
    }
  });

  it('accepts the testkit as a development dependency only', () => {
    const manifest = (kind: string): string => JSON.stringify({ name: '@hypermesh/stoq', [kind]: { '@hypermesh/testkit': 'workspace:^' } });
    expect(checkPackageGraph(repositoryOf({ 'packages/stoq/package.json': manifest('devDependencies') }))).toEqual([]);
    expect(checkPackageGraph(repositoryOf({ 'packages/stoq/package.json': manifest('dependencies') }))).toHaveLength(1);
  });

  it('refuses a package without a place', () => {
    expect(checkPackageGraph(repositoryOf({ 'packages/novel/src/index.ts': '' }))).toMatchObject([{ file: 'packages/novel/package.json' }]);
  });
});
