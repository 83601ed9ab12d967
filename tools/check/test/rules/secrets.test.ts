import { describe, expect, it } from 'vitest';
import { checkSecrets } from '../../src/rules/secrets.ts';
import { repositoryOf } from '../repository-of.ts';

// Put together here, so that this file holds no text that the rule is to find.
const pem = (body: string): string => ['-----BEGIN EC', 'PRIVATE KEY-----'].join(' ') + `\n${body}\n`;
const random = ['q7Zt0xW3', 'bN5kLp9R', 'vY2mHc8D', 'sF4jGa6T'].join('');

describe('secrets', () => {
  it.each([
    ['a private key', `x\n${pem('MHcCAQEE'.repeat(6))}`],
    ['a private key', `\n"${pem('MHcCAQEE'.repeat(6)).replaceAll('\n', '\\n')}"`],
    ['an access token', `\n${['gh', 'p_'].join('')}${'aB3dE6gH9j'.repeat(4).slice(0, 36)}`],
    ['a secret value', `\nconst apiToken = '${random}';`],
    ['a secret value', `\n"client_secret": "${random}"`],
  ])('refuses %s', (what, text) => {
    expect(checkSecrets(repositoryOf({ 'docs/a.txt': text }))).toMatchObject([{ line: 2, message: `the file seems to hold ${what}` }]);
  });

  it.each([
    ['a key marker without a key', pem('')],
    ['a name of a secret', "const token = 'the-token-of-the-token-of';"],
    ['a digest', `const digest = '${random}';`],
    ['a short value', "const password = 'correct horse';"],
  ])('accepts %s', (_, text) => {
    expect(checkSecrets(repositoryOf({ 'docs/a.txt': text }))).toEqual([]);
  });

  it('does not read lockfiles', () => {
    expect(checkSecrets(repositoryOf({ 'pnpm-lock.yaml': `token: '${random}'` }))).toEqual([]);
  });
});
