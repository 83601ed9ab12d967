import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const LISTING = `
  import { registerHooks } from 'node:module';
  const wanted = new Set();
  registerHooks({ resolve: (specifier, context, next) => (wanted.add(specifier), next(specifier, context)) });
  await import('@hypermesh/catalog');
  process.stdout.write([...wanted].join('\\n'));
`;

// Every validator imports the package; the compilers would take 50 MB of each.
test('compilers are loaded by what compiles, not by what imports the package', async () => {
  const args = ['--conditions=@hypermesh/source', '--input-type=module', '--eval', LISTING];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname });
  const wanted = stdout.split('\n');
  expect(wanted).toContain('semver');
  expect(wanted.filter((specifier) => /^(?:binaryen|assemblyscript)/u.test(specifier))).toEqual([]);
});
