import { type ChildProcessByStdio, spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

// A process compiles the sources it imports, on a machine that others use as well.
const PROCESS_MS_MAX = 20_000;
const program = fileURLToPath(new URL('sample-daemon.entry.ts', import.meta.url));

interface Announcement {
  readonly ready: boolean;
  readonly name: string;
  readonly addresses: { readonly tcp: string; readonly admin?: string };
}

interface Sample {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Everything it logged, once it has ended. */
  readonly log: Promise<Record<string, unknown>[]>;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  readonly ready: () => Promise<Announcement>;
}

describe('a daemon process', { timeout: PROCESS_MS_MAX }, () => {
  let directory: string;
  const children: Sample['child'][] = [];
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stoq daemon '));
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  afterAll(() => rm(directory, { recursive: true }));

  const start = (flags: readonly string[], env: Record<string, string> = {}): Sample => {
    const stdio: StdioOptions = ['pipe', 'pipe', 'pipe', 'pipe'];
    const options = { stdio, env: { PATH: process.env['PATH'], ...env } };
    const child = spawn(process.execPath, ['--conditions=@hypermesh/source', program, ...flags], options) as unknown as Sample['child'];
    children.push(child);
    const log = linesOf(child.stderr).then((lines) => lines.map((line) => JSON.parse(line) as Record<string, unknown>));
    return { child, log, ended: endOf(child), ready: () => firstLine(child.stdout) };
  };

  it('announces where it serves, serves, and stops on SIGTERM', async () => {
    const { child, log, ended, ready } = start([]);
    const { name, addresses } = await ready();
    expect(name).toBe('sampled');
    expect(await reaches(addresses.tcp)).toBe(true);
    const health = await fetch(`http://${addresses.admin}/readyz`);
    expect(await health.json()).toEqual({ ok: true, checks: [] });
    child.kill('SIGTERM');
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(await reaches(addresses.tcp)).toBe(false);
    expect((await log).map((line) => line['msg'])).toEqual(['ready', 'stopping', 'closing', 'stopped']);
    expect(JSON.stringify(await log)).not.toContain('not to be seen');
  });

  it('stops on SIGINT too', async () => {
    const { child, ended, ready } = start(['--set', 'admin.listen=null']);
    expect((await ready()).addresses.admin).toBeUndefined();
    child.kill('SIGINT');
    expect(await ended).toEqual({ code: 0, signal: null });
  });

  it('is ended by a second signal, and its parent sees that it was', async () => {
    const { child, ended, ready } = start(['--set', 'behaviour=never-stops']);
    await ready();
    child.kill('SIGTERM');
    await waitForLog(child, 'closing');
    child.kill('SIGINT');
    expect(await ended).toEqual({ code: null, signal: 'SIGINT' });
  });

  it.each(['never-stops', 'leaves-a-timer'])('is ended by force after its time when it %s', async (behaviour) => {
    const { child, log, ended, ready } = start(['--set', `behaviour=${behaviour}`]);
    await ready();
    child.kill('SIGTERM');
    expect(await ended).toEqual({ code: null, signal: 'SIGTERM' });
    expect((await log).at(-1)).toMatchObject({ level: 'fatal', msg: 'stopping takes too long; ended by force' });
  });

  it('ends with its parent when told so', async () => {
    const { child, log, ended, ready } = start(['--exit-with-parent']);
    await ready();
    child.stdin.end();
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(await log).toContainEqual(expect.objectContaining({ msg: 'stopping', reason: 'parent' }));
  });

  it('does not mind the end of its standard input otherwise', async () => {
    const { child, log, ended, ready } = start([]);
    child.stdin.end();
    await ready();
    child.kill('SIGTERM');
    await ended;
    expect(await log).toContainEqual(expect.objectContaining({ msg: 'stopping', reason: 'SIGTERM' }));
  });

  it('stops and fails after a rejection that nobody handled', async () => {
    const { log, ended } = start(['--set', 'behaviour=rejects-later']);
    expect(await ended).toEqual({ code: 1, signal: null });
    expect(await log).toContainEqual(
      expect.objectContaining({ level: 'fatal', err: expect.objectContaining({ message: 'nobody waits' }) }),
    );
    expect((await log).at(-1)).toMatchObject({ msg: 'stopped' });
  });

  it('fails when a part does not start, saying which and why', async () => {
    const { log, ended } = start(['--set', 'behaviour=fails-to-start']);
    expect(await ended).toEqual({ code: 1, signal: null });
    expect((await log).at(-1)).toMatchObject({
      level: 'fatal',
      err: { code: 'stoq.start_failed', data: { part: 'sampled', reason: 'no such disk' } },
    });
  });

  it('exits with 78 for a configuration that starting again does not mend', async () => {
    const { log, ended } = start([], { SAMPLED_LOG__LEVEL: 'loud' });
    expect(await ended).toEqual({ code: 78, signal: null });
    const data = { source: 'environment variable SAMPLED_LOG__LEVEL', key: 'log.level' };
    const line = (await log).at(-1);
    expect(line).toMatchObject({ level: 'fatal', msg: expect.stringContaining('log.level'), err: { code: 'stoq.config_invalid', data } });
    expect(JSON.stringify(line)).not.toMatch(/stack|\.ts:/u);
  });

  it('reads its file, logs where that says, and announces in a file', async () => {
    const [file, readyFile, logFile] = ['sampled.yaml', 'ready.json', 'sampled.log'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(file, `log: { level: debug, file: "${logFile}" }\n`);
    const { child, log, ended } = start(['--config', file, '--ready-file', readyFile, '--ready-fd', '3']);
    // The descriptor is closed after the line: whoever waits may read to its end.
    const announced = await linesOf(child.stdio[3] as unknown as Readable);
    expect(announced).toEqual([(await readFile(readyFile, 'utf8')).trim()]);
    expect(JSON.parse(announced[0] as string)).toMatchObject({ ready: true, name: 'sampled' });
    child.kill('SIGTERM');
    await ended;
    expect(await log).toEqual([]);
    expect(await readFile(logFile, 'utf8')).toContain('"msg":"stopped"');
  });

  it('takes over the admin socket of one that was killed', async () => {
    const flags = ['--set', `admin.listen="unix:${join(directory, 'admin.sock')}"`];
    const killed = start(flags);
    await killed.ready();
    killed.child.kill('SIGKILL');
    await killed.ended;
    const next = start(flags);
    expect((await next.ready()).addresses.admin).toBe(`unix:${join(directory, 'admin.sock')}`);
    next.child.kill('SIGTERM');
    expect(await next.ended).toEqual({ code: 0, signal: null });
  });

  it('tells its flags', async () => {
    const { child, ended } = start(['--help']);
    const lines = await linesOf(child.stdout);
    expect(lines[0]).toBe('sampled [flags]');
    expect(lines.join('\n')).toContain('--exit-with-parent');
    expect(await ended).toEqual({ code: 0, signal: null });
  });
});

function endOf(child: Sample['child']): Sample['ended'] {
  return once(child, 'close').then(([code, signal]) => ({ code: code as number | null, signal: signal as string | null }));
}

async function linesOf(stream: Readable): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: stream })) lines.push(line);
  return lines;
}

async function firstLine(stream: Readable): Promise<Announcement> {
  const [line] = (await once(createInterface({ input: stream }), 'line')) as [string];
  return JSON.parse(line) as Announcement;
}

async function waitForLog(child: Sample['child'], message: string): Promise<void> {
  let text = '';
  for await (const piece of child.stderr.iterator({ destroyOnReturn: false })) {
    text += String(piece);
    if (text.includes(`"msg":"${message}"`)) return;
  }
}

function reaches(address: string): Promise<boolean> {
  const [host, port] = address.split(':') as [string, string];
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
