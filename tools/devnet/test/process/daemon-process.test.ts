import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type DaemonSpec, startDaemon } from '../../src/process/daemon-process.ts';

const { signal } = new AbortController();

/** A daemon that is this program. */
async function daemonOf(program: string): Promise<DaemonSpec> {
  const directory = await mkdtemp(join(tmpdir(), 'daemon process '));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'daemon.mjs');
  await writeFile(file, program);
  return { kind: 'stoqd', name: 'edge', configFile: join(directory, 'edge.yaml'), logFile: join(directory, 'edge.log'), program: file };
}

const READY = `
  const { execArgv, argv } = process;
  process.on('SIGTERM', () => console.error('asked to end'));
  console.log('no JSON');
  console.log(JSON.stringify({ ready: true, addresses: { flags: execArgv, arguments: argv.slice(2) } }));
  setInterval(() => {}, 1_000);`;

test('a daemon collects garbage in its main thread, and ends with its parent', async () => {
  const spec = await daemonOf(READY);
  const daemon = await startDaemon(spec, signal);
  expect(daemon.addresses).toEqual({ flags: ['--single-threaded-gc'], arguments: ['--config', spec.configFile, '--exit-with-parent'] });
  daemon.kill('SIGKILL');
  expect(await daemon.ended).toEqual({ code: null, signal: 'SIGKILL' });
});

test('a daemon that does not end when it is asked is killed, also while it is stopped', async () => {
  const spec = await daemonOf(READY);
  const daemon = await startDaemon(spec, signal);
  daemon.kill('SIGSTOP');
  expect(await daemon.stop({ graceMs: 1_000 })).toEqual({ code: null, signal: 'SIGKILL' });
  expect(await readFile(spec.logFile, 'utf8')).toBe('asked to end\n');
});

test('a daemon that ends before it is ready fails with its last words', async () => {
  const spec = await daemonOf(`for (let line = 1; line <= 9; line++) console.error('line', line); process.exit(3);`);
  await expect(startDaemon(spec, signal)).rejects.toMatchObject({
    code: 'devnet.daemon_failed',
    data: {
      daemon: 'edge',
      reason: 'it ended before it was ready',
      waitedMs: expect.any(Number),
      log: spec.logFile,
      last: 'line 5 | line 6 | line 7 | line 8 | line 9',
    },
  });
});

test('a daemon that is not ready in time fails with how long that was, its last problem and the load of the machine', async () => {
  const spec = await daemonOf(`
    const log = (entry) => console.error(JSON.stringify({ pid: process.pid, ...entry }));
    log({ level: 'warn', msg: 'first' });
    log({ level: 'warn', msg: 'no certificate yet', err: { message: 'Fewer validators answer than a quorum needs' } });
    log({ level: 'info', msg: 'going on' });
    log({ level: 'error', msg: 'of another process', pid: 1 });
    console.error('no JSON');
    setInterval(() => {}, 1_000);`);
  const late = new AbortController();
  const starting = startDaemon(spec, signal, { late: late.signal });
  void vi.waitFor(async () => expect(await readFile(spec.logFile, 'utf8')).toContain('no JSON'), 60_000).finally(() => late.abort());
  await expect(starting).rejects.toMatchObject({
    code: 'devnet.daemon_failed',
    retryable: true,
    data: {
      daemon: 'edge',
      reason: 'it was not ready in time',
      waitedMs: expect.any(Number),
      problem: 'no certificate yet: Fewer validators answer than a quorum needs',
      loadAverage: expect.any(Number),
      cores: availableParallelism(),
    },
  });
});

test('a start that is interrupted leaves no process', async () => {
  const interrupted = new AbortController();
  const starting = startDaemon(await daemonOf('setInterval(() => {}, 1_000);'), interrupted.signal);
  setTimeout(() => interrupted.abort(), 200);
  await expect(starting).rejects.toMatchObject({ name: 'AbortError' });
});
