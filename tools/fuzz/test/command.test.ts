import { expect, test } from 'vitest';
import type { CampaignReport } from '../src/campaign.ts';
import { runCommand, USAGE } from '../src/command.ts';

test.each([
  { args: ['--seconds', 'x'], names: '--seconds takes a whole number from 1' },
  { args: ['--seconds', '0'], names: '--seconds takes' },
  { args: ['--seed', '-1'], names: '--seed' },
  { args: ['--warm-up', 'x'], names: '--warm-up takes' },
  { args: ['--unknown'], names: "'--unknown'" },
  { args: ['word'], names: "'word'" },
])('$args is a mistake, told by name with the usage', async ({ args, names }) => {
  const errors: string[] = [];
  const output = { write: () => expect.unreachable(), writeError: (text: string) => void errors.push(text) };
  expect(await runCommand(args, output, new AbortController().signal)).toBe(2);
  expect(errors.join('').split(USAGE)).toEqual([expect.stringContaining(names), '']);
});

test('help is a result', async () => {
  const written: string[] = [];
  const output = { write: (text: string) => void written.push(text), writeError: () => expect.unreachable() };
  expect(await runCommand(['--help'], output, new AbortController().signal)).toBe(0);
  expect(written).toEqual([USAGE]);
});

const REPORT: CampaignReport = {
  ok: false,
  seed: 7,
  warmUpSeconds: 1,
  seconds: 1,
  calls: 0,
  values: 0,
  errors: 0,
  ended: 0,
  sharedStreams: 0,
  handshakes: { attempted: 0, refused: 0 },
  garbage: { connections: 0, sessions: 0 },
  methods: {},
  codes: {},
  daemons: [],
  height: { before: 1, after: 1 },
  violations: ['caesard has ended'],
};

test.each([
  { name: 'a violation', isAborted: false, outcome: async () => REPORT, code: 1, out: /VIOLATION caesard has ended/u, errors: /^$/u },
  { name: 'an interruption', isAborted: true, outcome: async () => REPORT, code: 130, out: /^$/u, errors: /^interrupted\n$/u },
  {
    name: 'an interruption of the start',
    isAborted: true,
    outcome: () => Promise.reject(new DOMException('aborted', 'AbortError')),
    code: 130,
    out: /^$/u,
    errors: /^interrupted\n$/u,
  },
])('$name ends with $code', async ({ isAborted, outcome, code, out, errors }) => {
  const running = new AbortController();
  const [written, told]: [string[], string[]] = [[], []];
  const output = { write: (text: string) => void written.push(text), writeError: (text: string) => void told.push(text) };
  const run = (): Promise<CampaignReport> => {
    if (isAborted) running.abort();
    return outcome();
  };
  expect(await runCommand([], output, running.signal, run)).toBe(code);
  expect(written.join('')).toMatch(out);
  expect(told.join('')).toMatch(errors);
});

test('a campaign that cannot run fails with its reason', async () => {
  const output = { write: () => expect.unreachable(), writeError: () => {} };
  const run = (): Promise<CampaignReport> => Promise.reject(new TypeError('no mesh'));
  await expect(runCommand([], output, new AbortController().signal, run)).rejects.toThrow('no mesh');
});
