import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

export interface ReadmeOptions {
  /** Directory of the package. */
  readonly home: URL;
  /** The program that the README shows, relative to `home`. */
  readonly example: string;
  readonly exampleMsMax: number;
  readonly limitsMin: number;
}

const UNITS: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, s: 1000 };

/** A package's README against its code: the example runs and prints what stands there, each limit in the table is that of the source. */
export async function describeReadme({ home, example, exampleMsMax, limitsMin }: ReadmeOptions): Promise<void> {
  const directory = fileURLToPath(home);
  const readme = await readFile(join(directory, 'README.md'), 'utf8');
  const blockOf = (language: string): string => readme.split(`\`\`\`${language}\n`)[1]?.split('```')[0] ?? '';
  const limits = limitsOf(readme);

  describe('the README', () => {
    it('shows the example that runs, and what it prints', { timeout: exampleMsMax }, async () => {
      const program = join(directory, example);
      expect(blockOf('ts')).toBe(await readFile(program, 'utf8'));
      const scratch = await mkdtemp(join(tmpdir(), 'readme-'));
      const env = { ...process.env, TMPDIR: scratch };
      const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@hypermesh/source', program], { env });
      expect(stdout).toBe(blockOf('text'));
      await rm(scratch, { recursive: true });
    });

    it('has a table of limits', () => {
      expect(limits.length).toBeGreaterThanOrEqual(limitsMin);
    });

    it.each(limits)('says of %s what the code says: %i', async (name, value) => {
      expect((await constantsOf(join(directory, 'src'))).get(name)).toBe(value);
    });
  });
}

function limitsOf(readme: string): (readonly [name: string, value: number])[] {
  return [...readme.matchAll(/^\| `([A-Z_]+)` +\| ([0-9,]+)(?: (KiB|MiB|s))? /gm)].map(([, name, count, unit]) => [
    name as string,
    Number((count as string).replaceAll(',', '')) * (UNITS[unit ?? ''] ?? 1),
  ]);
}

async function constantsOf(directory: string): Promise<ReadonlyMap<string, number>> {
  const files = (await readdir(directory, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const texts = await Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')));
  const found = texts.flatMap((source) => [...source.matchAll(/^export const ([A-Z_]+)(?:: number)? = ([0-9_* ]+);$/gm)]);
  return new Map(found.map(([, name, factors]) => [name as string, product(factors as string)]));
}

function product(factors: string): number {
  return factors.split('*').reduce((value, factor) => value * Number(factor.replaceAll('_', '')), 1);
}
