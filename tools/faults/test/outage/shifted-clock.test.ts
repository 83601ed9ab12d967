import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { OFFSET_VARIABLE, shiftedClock } from '../../src/outage/shifted-clock.ts';

const HOURS_72 = 72 * 3_600_000;
const run = promisify(execFile);

/** What a process of that environment, and a thread of it, take for the time. */
async function clocksOf(environment: Readonly<Record<string, string>>): Promise<readonly number[]> {
  const thread = `require('node:worker_threads').parentPort.postMessage(Date.now())`;
  const program = `new (require('node:worker_threads').Worker)(${JSON.stringify(thread)}, { eval: true })
    .once('message', (at) => console.log(JSON.stringify([Date.now(), new Date().getTime(), at, new Date(5).getTime()])))`;
  const { stdout } = await run(process.execPath, ['-e', program], { env: { ...process.env, ...environment } });
  return JSON.parse(stdout) as number[];
}

describe('a shifted clock', () => {
  test('without libfaketime is put before every program', { timeout: 30_000 }, async () => {
    const { means, environment } = shiftedClock(HOURS_72, []);
    expect(means).toBe('preload');
    expect(environment[OFFSET_VARIABLE]).toBe(String(HOURS_72));
    const [now, made, inThread, fixed] = await clocksOf(environment);
    for (const time of [now, made, inThread]) expect(Math.abs((time as number) - Date.now() - HOURS_72)).toBeLessThan(20_000);
    expect(fixed).toBe(5);
  });

  test('with libfaketime leaves monotonic time and the times of files alone', () => {
    expect(shiftedClock(HOURS_72, ['/nowhere', '/bin/sh'])).toEqual({
      means: 'libfaketime',
      environment: { LD_PRELOAD: '/bin/sh', FAKETIME: '+259200s', FAKETIME_DONT_FAKE_MONOTONIC: '1', NO_FAKE_STAT: '1' },
    });
  });
});
