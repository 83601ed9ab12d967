import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const home = fileURLToPath(new URL('..', import.meta.url));
const readme = await readFile(join(home, 'README.md'), 'utf8');
const blockOf = (language: string): string => readme.split(`\`\`\`${language}\n`)[1]?.split('```')[0] ?? '';

const UNITS: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 * 1024, s: 1000 };
const rows = [...readme.matchAll(/^\| `([A-Z_]+)` +\| ([0-9,]+)(?: (KiB|MiB|s))? /gm)].map(
  ([, name, count, unit]) => [name as string, Number((count as string).replaceAll(',', '')) * (UNITS[unit ?? ''] ?? 1)] as const,
);

async function constants(): Promise<ReadonlyMap<string, number>> {
  const files = (await readdir(join(home, 'src'), { recursive: true })).filter((file) => file.endsWith('.ts'));
  const texts = await Promise.all(files.map((file) => readFile(join(home, 'src', file), 'utf8')));
  const found = texts.flatMap((text) => [...text.matchAll(/^export const ([A-Z_]+)(?:: number)? = ([0-9_* ]+);$/gm)]);
  const product = (text: string): number => text.split('*').reduce((value, factor) => value * Number(factor.replaceAll('_', '')), 1);
  return new Map(found.map(([, name, text]) => [name as string, product(text as string)]));
}

describe('the README', () => {
  test('shows the example that runs, and what it prints', { timeout: 90_000 }, async () => {
    const program = join(home, 'test', 'readme-example.entry.ts');
    expect(blockOf('ts')).toBe(await readFile(program, 'utf8'));
    const scratch = await mkdtemp(join(tmpdir(), 'caesar-readme-'));
    const env = { ...process.env, TMPDIR: scratch };
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@hypermesh/source', program], { env });
    expect(stdout).toBe(blockOf('text'));
    await rm(scratch, { recursive: true });
  });

  test('has a table of limits', () => {
    expect(rows.length).toBeGreaterThan(5);
  });

  test.each(rows)('says of %s what the code says: %i', async (name, value) => {
    expect((await constants()).get(name)).toBe(value);
  });
});
