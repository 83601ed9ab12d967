import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runCampaignCommand, wholeNumber } from '../src/campaign-command.ts';

const SOURCE = fileURLToPath(new URL('../src/campaign-command.ts', import.meta.url));

describe('a whole number', () => {
  test.each([
    { text: undefined, value: 7 },
    { text: '1', value: 1 },
    { text: '0010', value: 10 },
  ])('$text is $value', ({ text, value }) => {
    expect(wholeNumber('--runs', text, 7, [1, 10])).toBe(value);
  });

  test.each(['', '0', '11', '-1', '1.5', '1e1', ' 1', '0x1', '٣'])('%j is told with the option and its bounds', (text) => {
    expect(() => wholeNumber('--runs', text, 7, [1, 10])).toThrow(new RangeError('--runs takes a whole number from 1 to 10'));
  });
});

test.each([
  { name: 'what it answers', parsed: { isHelp: false }, code: 3, out: '', errors: '' },
  { name: '0 after help', parsed: { isHelp: true }, code: 0, out: 'usage\n', errors: '' },
  { name: '2 after a mistake', parsed: new RangeError('no such thing'), code: 2, out: '', errors: 'no such thing\nusage\n' },
])('a command ends with $name', async ({ parsed, code, out, errors }) => {
  const told = { out: '', errors: '' };
  const parse = (): { isHelp: boolean } => {
    if (parsed instanceof Error) throw parsed;
    return parsed;
  };
  const output = { write: (text: string) => void (told.out += text), writeError: (text: string) => void (told.errors += text) };
  expect(await runCampaignCommand({ usage: 'usage\n', parse, run: async () => 3 }, [], output)).toBe(code);
  expect(told).toEqual({ out, errors });
});

test('the first signal interrupts, the second ends the process', async () => {
  const program = `
    const { interruption } = await import(${JSON.stringify(SOURCE)});
    interruption().addEventListener('abort', () => process.stdout.write('interrupted'));
    setInterval(() => {}, 1_000);
    process.stdout.write('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  expect(String(await once(child.stdout, 'data'))).toBe('ready');
  child.kill('SIGINT');
  expect(String(await once(child.stdout, 'data'))).toBe('interrupted');
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([null, 'SIGINT']);
});
