import { describe, expect, it } from 'vitest';
import { checkDocuments } from '../../src/rules/documents.ts';
import { repositoryOf } from '../repository-of.ts';

const files = {
  'package.json': '{ "scripts": { "start": "x", "check": "x" } }',
  'docs/design/overview.md': '# Overview\n\n## Layers, and why: `down`\n',
};
const check = (text: string): string[] => checkDocuments(repositoryOf({ ...files, 'docs/a.md': text })).map(({ message }) => message);

describe('documents', () => {
  it.each([
    'Run `npm start` and `npm run check -- --flag`.',
    'See [layers](design/overview.md#layers-and-why-down), [this](#here) and [the folder](../docs).\n# Here',
    'A [site](https://example.com/x) and [mail](mailto:a@example.com).',
    'The path `docs/design/overview.md`, the folder `docs/design/`, the pattern `packages/*/src`.',
  ])('accepts %j', (text) => expect(check(text)).toEqual([]));

  it.each([
    ['Run `npm run chekc`.', 'there is no npm script "chekc"'],
    ['Run npm test.', 'there is no npm script "test"'],
    ['See [it](design/gone.md).', 'the link to design/gone.md leads nowhere'],
    ['See [it](design/overview.md#gone).', 'the link to design/overview.md#gone leads nowhere'],
    ['See [it](#gone).', 'the link to #gone leads nowhere'],
    ['The path `packages/stoq/src/gone.ts`.', 'packages/stoq/src/gone.ts does not exist'],
  ])('refuses %j', (text, message) => expect(check(text)).toEqual([message]));

  it('asks for a README once a package has code', () => {
    const bare = { 'packages/stoq/src/index.ts': 'export {};\n' };
    expect(checkDocuments(repositoryOf(bare))).toEqual([]);
    const filled = { ...bare, 'packages/stoq/src/a.ts': 'export const a = 1;' };
    expect(checkDocuments(repositoryOf(filled))).toMatchObject([{ file: 'packages/stoq/package.json' }]);
    expect(checkDocuments(repositoryOf({ ...filled, 'packages/stoq/README.md': '# stoq' }))).toEqual([]);
  });
});
