import { describe, expect, test } from 'vitest';
import { type CampaignReport, CAMPAIGNS } from '../src/campaign.ts';
import { parseOptions, runCommand, USAGE } from '../src/command.ts';

describe('arguments', () => {
  test('have defaults', () => {
    expect(parseOptions([])).toMatchObject({ rounds: 20, campaigns: CAMPAIGNS, isJson: false, isHelp: false });
    const args = ['--rounds', '3', '--seed', '9', '--only', 'kills', '--json'];
    expect(parseOptions(args)).toEqual({ rounds: 3, seed: 9, campaigns: ['kills'], isJson: true, isHelp: false });
  });

  test.each([
    { args: ['--rounds', '0'], names: '--rounds takes a whole number from 1 to 100000' },
    { args: ['--rounds', 'x'], names: '--rounds takes' },
    { args: ['--seed', '-1'], names: '--seed' },
    { args: ['--only', 'nothing'], names: '--only takes kills' },
    { args: ['--unknown'], names: "'--unknown'" },
    { args: ['extra'], names: "'extra'" },
  ])('$args is refused by name with the usage', async ({ args, names }) => {
    const errors: string[] = [];
    const output = { write: () => expect.unreachable(), writeError: (text: string) => void errors.push(text) };
    expect(await runCommand(args, output, new AbortController().signal)).toBe(2);
    expect(errors.join('').split(USAGE)).toEqual([expect.stringContaining(names), '']);
  });

  test('ask for help, which is a result', async () => {
    const written: string[] = [];
    const output = { write: (text: string) => void written.push(text), writeError: () => expect.unreachable() };
    expect(await runCommand(['--help'], output, new AbortController().signal)).toBe(0);
    expect(written).toEqual([USAGE]);
  });
});

describe('the result', () => {
  const held: CampaignReport = { name: 'kills', durationMs: 1_000, isInterrupted: false, counts: { kills: 3 }, violations: [] };
  const violated = { ...held, violations: ['a receipt is lost'] };
  const cut = { ...held, isInterrupted: true };
  const REPEAT = 'npm run faults -- --rounds 2 --seed 9';

  test.each([
    { name: 'everything held', reports: [held], code: 0, says: /^kills: held .*\n {2}kills: 3\neverything held\n$/u },
    { name: 'a violation', reports: [violated], code: 1, says: new RegExp(`violation: a receipt is lost\n.*${REPEAT}\n$`, 'u') },
    {
      name: 'a violation of one',
      args: ['--only', 'kills'],
      reports: [violated],
      code: 1,
      says: new RegExp(`${REPEAT} --only kills\n$`, 'u'),
    },
    { name: 'an interruption', reports: [cut], isAborted: true, code: 130, says: /^kills: interrupted .*\ninterrupted\n$/su },
    { name: 'an interruption before the first', reports: [], isAborted: true, code: 130, says: /^interrupted\n$/u },
    {
      name: 'a violation before it',
      reports: [{ ...cut, ...violated }],
      isAborted: true,
      code: 130,
      says: /1 violations.*\ninterrupted\n$/su,
    },
  ])('tells $name and ends with $code', async ({ args = [], reports, isAborted = false, code, says }) => {
    const running = new AbortController();
    const written: string[] = [];
    const output = { write: (text: string) => void written.push(text), writeError: () => {} };
    const run = async (): Promise<readonly CampaignReport[]> => {
      if (isAborted) running.abort();
      return reports;
    };
    expect(await runCommand(['--rounds', '2', '--seed', '9', ...args], output, running.signal, run)).toBe(code);
    expect(written.join('')).toMatch(says);
  });
});
