import { describe, expect, it } from 'vitest';
import { runCommand } from '../src/command.ts';

async function run(...args: string[]): Promise<{ code: number; out: string; errors: string }> {
  let out = '';
  let errors = '';
  const code = await runCommand(args, { write: (text) => void (out += text), writeError: (text) => void (errors += text) });
  return { code, out, errors };
}

// A worker thread loads the whole package from its sources.
const TEST_MS_MAX = 60_000;

describe('npm run sim', () => {
  it(
    'reports what passed',
    async () => {
      const { code, out, errors } = await run('--seed', '1', '--runs', '20', '--threads', '1');
      expect(errors).toBe('seed 1, 20 schedules, 1 threads\n');
      expect(out).toMatch(/^20 schedules: \d+ blocks/);
      expect(out).toMatch(/\nno violation\n$/);
      expect(code).toBe(0);
    },
    TEST_MS_MAX,
  );

  it(
    'reports the seed, the reason and the trace of a violation, as text and as JSON',
    async () => {
      const args = ['--seed', '1', '--runs', '80', '--plant', 'unchecked-qc'];
      const { code, out } = await run(...args);
      const [, seed, reason] = /violation in the schedule of seed (\d+): (.*)\n/.exec(out)!;
      expect(out).toContain(`VIOLATION ${reason}`);
      expect(out).toContain(`npm run sim -- --seed ${seed} --trace --plant unchecked-qc`);
      expect(code).toBe(1);
      const json = await run(...args, '--json');
      expect(JSON.parse(json.out)).toMatchObject({ plant: 'unchecked-qc', violation: { seed: Number(seed), violation: reason } });
      const trace = await run('--seed', seed!, '--trace', '--plant', 'unchecked-qc');
      expect(trace.out.trimEnd().split('\n').at(-1)).toContain(`VIOLATION ${reason}`);
      expect(trace.code).toBe(1);
    },
    TEST_MS_MAX,
  );

  it.each([
    ['an unknown option', ['--fast'], "'--fast'"],
    ['an unknown bug', ['--plant', 'none'], '--plant takes'],
    ['a seed that is no number', ['--seed', 'x'], '--seed takes a whole number from 0'],
    ['no runs', ['--runs', '0'], '--runs takes'],
    ['too many threads', ['--threads', '1000'], '--threads takes a whole number from 1 to 64'],
  ])('explains itself for %s', async (_, args, names) => {
    const { code, out, errors } = await run(...args);
    expect(errors).toContain(names);
    expect(errors).toContain('usage: npm run sim');
    expect(out).toBe('');
    expect(code).toBe(2);
  });

  it('helps on standard output', async () => {
    expect(await run('--help')).toEqual({ code: 0, out: expect.stringContaining('usage: npm run sim'), errors: '' });
  });
});
