import { expect, test } from 'vitest';
import { runCommand, USAGE } from '../src/command.ts';

test.each([['--seconds', 'x'], ['--seconds', '0'], ['--seed', '-1'], ['--warm-up', 'x'], ['--unknown'], ['word']])(
  '%s %s is a mistake',
  async (...args) => {
    const errors: string[] = [];
    const output = { write: () => {}, writeError: (text: string) => void errors.push(text) };
    expect(await runCommand(args.filter(Boolean), output, new AbortController().signal)).toBe(2);
    expect(errors).toEqual([USAGE]);
  },
);
