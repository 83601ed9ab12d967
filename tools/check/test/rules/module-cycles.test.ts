import { describe, expect, it } from 'vitest';
import { checkModuleCycles } from '../../src/rules/module-cycles.ts';
import { repositoryOf } from '../repository-of.ts';

describe('module cycles', () => {
  it('refuses a cycle over several files and names it', () => {
    const findings = checkModuleCycles(
      repositoryOf({
        'packages/stoq/src/a.ts': "import { b } from './inner/b.ts';",
        'packages/stoq/src/inner/b.ts': "\nexport { c } from '../c.ts';",
        'packages/stoq/src/c.ts': "import './a.ts';",
      }),
    );
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ file: 'packages/stoq/src/c.ts', line: 1 });
    expect(findings[0]?.message).toContain('a.ts -> packages/stoq/src/inner/b.ts -> packages/stoq/src/c.ts -> packages/stoq/src/a.ts');
  });

  it('refuses a file that imports itself', () => {
    expect(checkModuleCycles(repositoryOf({ 'packages/stoq/src/a.ts': "import './a.ts';" }))).toHaveLength(1);
  });

  it('finds a cycle behind a file that was visited before', () => {
    const findings = checkModuleCycles(
      repositoryOf({
        'packages/stoq/src/a.ts': "import './d.ts'; import './b.ts';",
        'packages/stoq/src/b.ts': "import './c.ts';",
        'packages/stoq/src/c.ts': "import './d.ts'; import './b.ts';",
        'packages/stoq/src/d.ts': '',
      }),
    );
    expect(findings.map(({ file }) => file)).toEqual(['packages/stoq/src/c.ts']);
  });

  it('accepts a diamond, and a cycle of types, which is gone at run time', () => {
    const findings = checkModuleCycles(
      repositoryOf({
        'packages/stoq/src/a.ts': "import './b.ts'; import './c.ts';",
        'packages/stoq/src/b.ts': "import './d.ts'; import type { A } from './a.ts';",
        'packages/stoq/src/c.ts': "import './d.ts'; export type * from './a.ts';",
        'packages/stoq/src/d.ts': "export type A = import('./a.ts').A;",
      }),
    );
    expect(findings).toEqual([]);
  });
});
