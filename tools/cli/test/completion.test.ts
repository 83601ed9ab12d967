import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runInProcess } from './cli-run.ts';

const PROCESS_MS = 60_000;
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cli completion-'));
  await mkdir(join(directory, 'bin'));
  await mkdir(join(directory, 'elsewhere'));
  const command = join(directory, 'bin', 'hypermesh');
  await writeFile(command, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  await chmod(command, 0o700);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Runs a bash that reads no files of the user and has no completion but ours, which it reads twice. */
function bash(script: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    const source = 'source <(hypermesh complete bash)\n';
    const child = spawn('bash', ['--norc', '--noprofile', '-c', source + source + script], {
      cwd: directory,
      env: { PATH: [join(directory, 'bin'), process.env['PATH']].join(delimiter), HYPERMESH_HOME: directory },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
    child.once('error', reject);
    child.once('close', () => resolve({ stdout, stderr }));
  });
}

/** The words that bash makes of the line up to the cursor, and the candidates for the last of them. */
async function candidates(words: readonly string[], line: string, prelude = ''): Promise<readonly string[]> {
  const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const { stdout, stderr } = await bash(`${prelude}
COMP_WORDS=(${words.map(quoted).join(' ')}) COMP_CWORD=${words.length - 1} COMP_LINE=${quoted(`${line}behind`)} COMP_POINT=${line.length}
__hypermesh_complete hypermesh ${quoted(words.at(-1) ?? '')} ''
printf '%s\\n' "\${COMPREPLY[@]}"`);
  expect(stderr).toBe('');
  return stdout.split('\n').filter((candidate) => candidate !== '');
}

describe.skipIf(process.platform === 'win32')('bash without any other completion', { timeout: PROCESS_MS }, () => {
  test.each([
    { line: 'hypermesh led', words: ['hypermesh', 'led'], expected: ['ledger'] },
    { line: 'hypermesh app sc', words: ['hypermesh', 'app', 'sc'], expected: ['scale'] },
    { line: 'hypermesh  mesh phase ', words: ['hypermesh', 'mesh', 'phase', ''], expected: ['show', 'advance', 'help'] },
    { line: 'hypermesh asset ', words: ['hypermesh', 'asset', ''], expected: ['ls', 'show', 'help'] },
    { line: 'hypermesh pro', words: ['hypermesh', 'pro'], expected: [] },
    { line: 'hypermesh app ls --js', words: ['hypermesh', 'app', 'ls', '--js'], expected: ['--json'] },
    { line: 'hypermesh --context a app sc', words: ['hypermesh', '--context', 'a', 'app', 'sc'], expected: ['scale'] },
    { line: 'hypermesh app deploy hello --fu', words: ['hypermesh', 'app', 'deploy', 'hello', '--fu'], expected: ['--fund'] },
    {
      line: 'hypermesh node invite --role o',
      words: ['hypermesh', 'node', 'invite', '--role', 'o'],
      expected: ['owner', 'operator'],
    },
    {
      line: 'hypermesh node invite --role=o',
      words: ['hypermesh', 'node', 'invite', '--role', '=', 'o'],
      expected: ['owner', 'operator'],
    },
    {
      line: 'hypermesh node invite --role=',
      words: ['hypermesh', 'node', 'invite', '--role', '='],
      expected: ['node', 'owner', 'operator', 'service', 'viewer'],
    },
    {
      line: 'hypermesh mesh init --validator a=127.0.0.1:1 --par',
      words: ['hypermesh', 'mesh', 'init', '--validator', 'a', '=', '127.0.0.1', ':', '1', '--par'],
      expected: ['--parameter'],
    },
    { line: 'hypermesh pkg build ./else', words: ['hypermesh', 'pkg', 'build', './else'], expected: [] },
  ])('$line', async ({ line, words, expected }) => {
    expect(await candidates(words, line)).toEqual(expected);
  });

  test('that does not split at "="', async () => {
    const words = ['hypermesh', 'node', 'invite', '--role=op'];
    expect(await candidates(words, words.join(' '), "COMP_WORDBREAKS=' '")).toEqual(['--role=operator']);
  });

  test('runs nothing of what is typed', async () => {
    const words = ['hypermesh', 'app', 'deploy', '$(touch ran)', '--fu'];
    expect(await candidates(words, words.join(' '))).toEqual(['--fund']);
    expect((await bash('ls ran')).stdout).toBe('');
  });

  test('completes files where the command has no candidate', async () => {
    expect((await bash('complete -p hypermesh')).stdout).toBe('complete -o default -F __hypermesh_complete hypermesh\n');
  });
});

test.each([
  { shell: 'bash', code: 0 },
  { shell: 'tcsh', code: 2 },
])('the script for $shell', async ({ shell, code }) => {
  expect((await runInProcess(['complete', shell], { home: directory })).code).toBe(code);
});
