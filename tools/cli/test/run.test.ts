import { EventEmitter } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../src/run.ts';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cli-run-'));
});
afterAll(() => rm(home, { recursive: true }));

/** Runs a command that is interrupted before it does anything. */
async function runInterrupted(argv: readonly string[]): Promise<unknown> {
  const signals = new EventEmitter();
  let stdout = '';
  await runCli([...argv, '--json'], {
    env: { HYPERMESH_HOME: home },
    cwd() {
      if (signals.listenerCount('SIGINT') > 0) signals.emit('SIGINT', 'SIGINT');
      return home;
    },
    pid: process.pid,
    kill: () => true,
    on: signals.on.bind(signals) as NodeJS.Process['on'],
    off: signals.off.bind(signals) as NodeJS.Process['off'],
    stdin: Readable.from([]),
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: () => true },
  });
  return (JSON.parse(stdout) as { readonly error: { readonly code: string } }).error.code;
}

test.each([
  { what: 'a context that is missing', argv: ['mesh', 'phase'], code: 'cli.context_missing' },
  { what: 'an amount that is none', argv: ['ledger', 'transfer', 'bob', 'much'], code: 'cli.usage' },
])('an interruption does not hide $what', async ({ argv, code }) => {
  expect(await runInterrupted(argv)).toBe(code);
});
