import { expect, test } from 'vitest';
import type { CampaignReport } from '../src/campaign.ts';
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
