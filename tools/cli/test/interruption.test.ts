import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { watchInterruption, watchReaders } from '../src/interruption.ts';

test('the first signal asks, the second ends, and nothing is watched afterwards', () => {
  const signals = new EventEmitter();
  const killed: unknown[] = [];
  const { signal } = watchInterruption({
    on: signals.on.bind(signals) as NodeJS.Process['on'],
    off: signals.off.bind(signals) as NodeJS.Process['off'],
    kill(...how) {
      killed.push(how);
      return true;
    },
    pid: 7,
  });
  expect(signal.aborted).toBe(false);
  signals.emit('SIGINT', 'SIGINT');
  expect(signal.aborted).toBe(true);
  expect(killed).toEqual([]);
  signals.emit('SIGTERM', 'SIGTERM');
  expect(killed).toEqual([[7, 'SIGTERM']]);
  expect(signals.listenerCount('SIGINT')).toBe(0);
});

test('the end of the terminal asks, and never counts as the second signal', () => {
  const signals = new EventEmitter();
  const interruption = watchInterruption({
    on: signals.on.bind(signals) as NodeJS.Process['on'],
    off: signals.off.bind(signals) as NodeJS.Process['off'],
    kill: () => expect.unreachable(),
    pid: 7,
  });
  signals.emit('SIGHUP', 'SIGHUP');
  expect(interruption.signal.aborted).toBe(true);
  signals.emit('SIGHUP', 'SIGHUP');
  interruption.release();
  expect(signals.listenerCount('SIGHUP')).toBe(0);
});

test.each(['EPIPE', 'EIO'])('a reader that is gone (%s) ends the command once, and every other failure of output is thrown', (code) => {
  const [stdout, stderr] = [new EventEmitter(), new EventEmitter()];
  const killed: unknown[] = [];
  watchReaders({
    stdout: stdout as unknown as NodeJS.Process['stdout'],
    stderr: stderr as unknown as NodeJS.Process['stderr'],
    kill(...how) {
      killed.push(how);
      return true;
    },
    pid: 7,
  });
  const gone = Object.assign(new Error(`write ${code}`), { code });
  stderr.emit('error', gone);
  expect(killed).toEqual([]);
  stdout.emit('error', gone);
  stdout.emit('error', gone);
  expect(killed).toEqual([[7, 'SIGTERM']]);
  const full = Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' });
  for (const stream of [stdout, stderr]) expect(() => stream.emit('error', full)).toThrow(full);
});

test('a process whose reader is gone says nothing', async () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  await once(child, 'close');
  expect(errors).toBe('');
});
