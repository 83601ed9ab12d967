import { EventEmitter } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Daemon, daemonConfigShape, type DaemonContext, type DaemonProcess, readSecretFile, runDaemon } from '@hypermesh/stoq/host';

const schema = z.strictObject({ ...daemonConfigShape, size: z.int().default(1) });
type Config = z.infer<typeof schema>;

/** A process as `runDaemon` sees one, within this one. */
class FakeProcess extends EventEmitter {
  readonly pid = 4242;
  readonly killed: string[] = [];
  readonly written: string[] = [];
  readonly stdin: PassThrough = new PassThrough();
  readonly argv: string[];
  readonly env: Record<string, string>;
  readonly announced: Promise<string>;
  readonly stdout: { write(text: string): boolean };
  exitCode: number | undefined;

  constructor(flags: readonly string[], env: Record<string, string> = {}) {
    super();
    this.argv = ['node', 'testd', ...flags];
    this.env = env;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.announced = promise;
    this.stdout = {
      write: (text) => {
        this.written.push(text);
        resolve(text);
        return true;
      },
    };
  }

  kill(pid: number, signal: string): void {
    this.killed.push(`${pid} ${signal}`);
  }

  face(): DaemonProcess {
    return this as unknown as DaemonProcess;
  }
}

describe('runDaemon', () => {
  let directory: string;
  let logFile: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stoq-run-daemon-'));
    logFile = join(directory, 'testd.log');
  });
  afterAll(() => rm(directory, { recursive: true }));

  const quiet = (): string[] => ['--set', `log.file=${logFile}`, '--set', 'admin.listen=null'];
  const logged = async (): Promise<string> => readFile(logFile, 'utf8');
  const idle: Daemon = { start: async () => {}, stop: async () => {}, addresses: () => ({ stoq: ['127.0.0.1:1', '[::1]:1'] }) };
  const run = (
    process: FakeProcess,
    create: (context: DaemonContext<Config>) => Promise<Daemon> = async () => idle,
    stopMsMax = 20_000,
  ): Promise<void> => runDaemon({ name: 'testd', schema, create, process: process.face(), stopMsMax });

  it('hands the parts to the daemon, announces it, and stops on a signal', async () => {
    const process = new FakeProcess([...quiet(), '--set', 'size=7'], { TESTD_LOG__LEVEL: 'debug' });
    const contexts: DaemonContext<Config>[] = [];
    const running = run(process, async (context) => {
      contexts.push(context);
      return idle;
    });
    expect(JSON.parse(await process.announced)).toEqual({ ready: true, name: 'testd', addresses: { stoq: ['127.0.0.1:1', '[::1]:1'] } });
    expect(contexts[0]).toMatchObject({ config: { size: 7, log: { level: 'debug' } }, configFile: undefined, signal: { aborted: false } });
    process.emit('SIGTERM', 'SIGTERM');
    await running;
    expect(contexts[0]?.signal.aborted).toBe(true);
    expect(process.exitCode).toBeUndefined();
    expect(process.eventNames()).toEqual([]);
  });

  it('is not ready while it starts', async () => {
    const process = new FakeProcess(['--set', `log.file=${logFile}`]);
    const gate = Promise.withResolvers<void>();
    const starting = Promise.withResolvers<DaemonContext<Config>>();
    const running = run(process, async (context) => {
      starting.resolve(context);
      return { ...idle, start: () => gate.promise };
    });
    const { health } = await starting.promise;
    expect(health.report('ready')).toEqual({ ok: false, checks: [{ name: 'started', problem: 'starting' }] });
    gate.resolve();
    const { addresses } = JSON.parse(await process.announced) as { addresses: { admin: string } };
    expect((await fetch(`http://${addresses.admin}/readyz`)).status).toBe(200);
    process.emit('SIGTERM', 'SIGTERM');
    await running;
    await expect(fetch(`http://${addresses.admin}/readyz`)).rejects.toThrow('fetch failed');
  });

  it('stopped while it starts, it stops what it started and announces nothing', async () => {
    const process = new FakeProcess(quiet());
    const [gate, starting] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const events: string[] = [];
    const running = run(process, async () => ({
      ...idle,
      async start() {
        starting.resolve();
        await gate.promise;
      },
      stop: async () => void events.push('stop'),
    }));
    await starting.promise;
    process.emit('SIGINT', 'SIGINT');
    gate.resolve();
    await running;
    expect(events).toEqual(['stop']);
    expect(process.written).toEqual([]);
    expect(process.exitCode).toBeUndefined();
  });

  it.each([
    ['its standard input ends', ['--exit-with-parent'], (process: FakeProcess) => process.stdin.end(), undefined],
    ['a rejection is unhandled', [], (process: FakeProcess) => process.emit('unhandledRejection', new RangeError('lost')), 1],
    ['an exception is uncaught', [], (process: FakeProcess) => process.emit('uncaughtException', new RangeError('lost')), 1],
  ])('stops when %s', async (_what, flags, cause, exitCode) => {
    const process = new FakeProcess([...quiet(), ...flags]);
    const running = run(process);
    await process.announced;
    cause(process);
    cause(process);
    await running;
    expect(process.exitCode).toBe(exitCode);
  });

  it('ends itself by a second signal or after its time', async () => {
    const process = new FakeProcess(quiet());
    const forced = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const running = run(process, async () => ({ ...idle, stop: () => gate.promise }), 20);
    await process.announced;
    process.emit('SIGTERM', 'SIGTERM');
    process.emit('SIGINT', 'SIGINT');
    expect(process.killed).toEqual(['4242 SIGINT']);
    process.kill = (pid, signal) => {
      process.killed.push(`${pid} ${signal}`);
      forced.resolve();
    };
    await forced.promise;
    expect(process.killed).toEqual(['4242 SIGINT', '4242 SIGTERM']);
    gate.resolve();
    await running;
    expect(await logged()).toContain('stopping takes too long');
  });

  it('sets the exit code for a start that fails', async () => {
    const process = new FakeProcess(quiet());
    await run(process, async () => Promise.reject(new RangeError('no disk')));
    expect(process.exitCode).toBe(1);
    expect(await logged()).toContain('no disk');
    expect(process.eventNames()).toEqual([]);
  });

  it.each([
    ['an unknown key', ['--set', 'sise=1'], {}],
    ['an unknown flag', ['--colour'], {}],
    ['a wrong variable', [], { TESTD_SIZE: 'large' }],
    ['an admin address for everybody', ['--set', 'admin.listen=0.0.0.0:80'], {}],
  ])('sets the exit code of a configuration error for %s', async (_what, flags, env) => {
    const process = new FakeProcess(['--set', `log.level=silent`, ...flags], env);
    await run(process, () => expect.unreachable('nothing is created'));
    expect(process.exitCode).toBe(78);
  });

  it('sets the exit code for a stop that fails', async () => {
    const process = new FakeProcess(quiet());
    const running = run(process, async () => ({ ...idle, stop: () => Promise.reject(new RangeError('last flush failed')) }));
    await process.announced;
    process.emit('SIGTERM', 'SIGTERM');
    await running;
    expect(process.exitCode).toBe(1);
    expect(await logged()).toContain('last flush failed');
  });

  it('sets the exit code of a configuration error for a secret that cannot be read', async () => {
    const process = new FakeProcess(quiet());
    await run(process, async () => {
      await readSecretFile(join(directory, 'none'));
      return idle;
    });
    expect(process.exitCode).toBe(78);
    const last = (await logged()).trimEnd().split('\n').at(-1) as string;
    expect(JSON.parse(last)).toMatchObject({ msg: expect.stringContaining('create it'), err: { code: 'stoq.secret_unreadable' } });
    expect(last).not.toContain('stack');
  });

  it('announces in a file in place of the standard output', async () => {
    const readyFile = join(directory, 'ready.json');
    const process = new FakeProcess([...quiet(), '--ready-file', readyFile]);
    const running = run(process, async ({ signal }) => {
      signal.throwIfAborted();
      return { ...idle, addresses: () => ({}) };
    });
    let text = '';
    while (text === '') text = await readFile(readyFile, 'utf8').catch(() => '');
    expect(JSON.parse(text)).toEqual({ ready: true, name: 'testd', addresses: {} });
    process.emit('SIGTERM', 'SIGTERM');
    await running;
    expect(process.written).toEqual([]);
  });

  it('tells its flags and runs nothing', async () => {
    const process = new FakeProcess(['--help']);
    await run(process, () => expect.unreachable('nothing is created'));
    expect(process.written.join('')).toContain('testd [flags]');
  });
});
