import { describe, expect, test } from 'vitest';
import { CAMPAIGNS } from '../src/campaign.ts';
import { parseOptions, runCommand, USAGE } from '../src/command.ts';

describe('arguments', () => {
  test('have defaults', () => {
    expect(parseOptions([])).toMatchObject({ rounds: 20, campaigns: CAMPAIGNS, isJson: false });
    const args = ['--rounds', '3', '--seed', '9', '--only', 'kills', '--json'];
    expect(parseOptions(args)).toEqual({ rounds: 3, seed: 9, campaigns: ['kills'], isJson: true });
  });

  test.each([[['--rounds', '0']], [['--rounds', 'x']], [['--seed', '-1']], [['--only', 'nothing']], [['--unknown']], [['extra']]])(
    '%j is refused with the usage',
    async (args) => {
      const errors: string[] = [];
      const output = { write: () => expect.unreachable(), writeError: (text: string) => void errors.push(text) };
      expect(await runCommand(args, output, new AbortController().signal)).toBe(2);
      expect(errors).toEqual([USAGE]);
    },
  );
});
