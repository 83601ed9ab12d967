import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runConformance, USAGE } from '../../src/vectors/command.ts';
import { VECTOR_FILES } from '../../src/vectors/run.ts';

async function run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await runConformance(args, { write: (text) => void (out += text), writeError: (text) => void (err += text) });
  return { code, out, err };
}

describe('npm run conformance', () => {
  let [vectors, damaged]: [string, string] = ['', ''];
  beforeAll(async () => {
    vectors = await mkdtemp(join(tmpdir(), 'bench-vectors-'));
    damaged = await mkdtemp(join(tmpdir(), 'bench-vectors-'));
    for (const file of VECTOR_FILES) {
      await writeFile(join(vectors, file), file.endsWith('.json') ? '{"testGroups":[]}' : '');
      await writeFile(join(damaged, file), '<html>');
    }
  });
  afterAll(async () => {
    for (const directory of [vectors, damaged]) await rm(directory, { recursive: true });
  });

  test.each([
    { args: () => [], says: USAGE },
    { args: () => ['--bogus'], says: "'--bogus'" },
    { args: () => ['DIR'], says: "'DIR'" },
    { args: () => ['--vectors', join(vectors, 'none')], says: /falcon1024-round3-kat\.rsp.*ENOENT/u },
    { args: () => ['--vectors', damaged], says: /wycheproof-mlkem_1024\.json.*not JSON/u },
  ])('answers mistake $says with 2 and the usage', async ({ args, says }) => {
    const { code, out, err } = await run(...args());
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(says);
    expect(err.endsWith(USAGE)).toBe(true);
  });

  test('helps on standard output', async () => {
    expect(await run('--help')).toEqual({ code: 0, out: USAGE, err: '' });
  });

  test('does not pass what has no vectors, and tells each suite', async () => {
    const { code, out } = await run('--vectors', vectors, '--json');
    expect(code).toBe(1);
    const results = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { suite: string; passed: number });
    expect(results).toHaveLength(VECTOR_FILES.length + 1);
    expect(results.at(-1)).toMatchObject({ suite: 'rfc 6962', failed: [] });
  });

  test('its page names every file and where it is published', async () => {
    const page = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const files = [...page.matchAll(/^\| `([^`]+\.(?:json|rsp|txt))`/gmu)].map(([, file]) => file);
    expect(files).toEqual(VECTOR_FILES);
  });
});
