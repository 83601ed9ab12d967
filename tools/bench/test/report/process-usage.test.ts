import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { cpuMsOf, memoryMbOf, withDescendants } from '../../src/report/process-usage.ts';

test.runIf(process.platform === 'linux')('sees the processor time, memory and children of a process', async () => {
  const child = spawn('sleep', ['30']);
  try {
    const pid = child.pid as number;
    expect(withDescendants([process.pid])).toContain(pid);
    expect(withDescendants([pid])).toEqual([pid]);
    expect(memoryMbOf([process.pid])).toBeGreaterThan(10);
    const before = cpuMsOf([process.pid]);
    for (const from = process.cpuUsage().user; process.cpuUsage().user - from < 60_000;) Math.sqrt(from);
    expect(cpuMsOf([process.pid]) - before).toBeGreaterThanOrEqual(40);
  } finally {
    child.kill('SIGKILL');
  }
});

test('counts nothing for a process that has ended', async () => {
  const child = spawn('true');
  await new Promise((resolve) => child.once('close', resolve));
  expect(cpuMsOf([child.pid as number])).toBe(0);
  expect(memoryMbOf([child.pid as number])).toBe(0);
});
