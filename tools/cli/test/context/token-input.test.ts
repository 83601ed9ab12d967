import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runInProcess } from '../cli-run.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'cli token-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** A terminal at which nobody ends the input. */
function terminal(): PassThrough & { readonly isTTY: true } {
  return Object.assign(new PassThrough(), { isTTY: true } as const);
}

test('Ctrl-C ends a wait for a token that nobody types', async () => {
  const keyboard = terminal();
  const { code, stderr } = await runInProcess(['login'], { home, terminal: keyboard, interruptAt: 'Paste the join token:' });
  expect(code).toBe(1);
  expect(stderr).toContain('cli.interrupted');
  expect(keyboard.destroyed).toBe(true);
});

test('so does the time limit', async () => {
  const { code, stderr } = await runInProcess(['login', '--timeout', '0.2'], { home, terminal: terminal() });
  expect(code).toBe(4);
  expect(stderr).toContain('cli.timeout');
});

test('the line that is pasted is the token', async () => {
  const keyboard = terminal();
  keyboard.write('\njoin1.nonsense\n');
  const { stderr } = await runInProcess(['login'], { home, terminal: keyboard });
  expect(stderr).toContain('trustchain.token_invalid');
});
