import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bootClock, processStartTime } from '../../src/agent/boot-clock.ts';
import { startWatchdog } from '../../src/agent/watchdog.ts';

// The watchdog looks every 50 ms; a busy machine schedules it late.
const LATE_MS_MAX = 1_000;

function sleeper(): ChildProcess {
  const child = spawn('sleep', ['60']);
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Boot time at which the process was found to have ended. */
async function endOf(pid: number, startTime: string): Promise<number> {
  const deadline = AbortSignal.timeout(15_000);
  while (processStartTime(pid) === startTime) {
    expect(deadline.aborted).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return bootClock();
}

describe('the watchdog', () => {
  it('kills at the deadline, not before and hardly later', async () => {
    const child = sleeper();
    const startTime = processStartTime(child.pid!)!;
    const deadline = bootClock() + 3_000;
    const watchdog = await startWatchdog([child.pid!], deadline);
    const endedAt = await endOf(child.pid!, startTime);
    expect(endedAt).toBeGreaterThanOrEqual(deadline - 10);
    expect(endedAt).toBeLessThan(deadline + LATE_MS_MAX);
    await watchdog.ended;
    await expect(watchdog.extend(deadline + 1_000)).rejects.toMatchObject({ code: 'hypermesh.workload_failed' });
  }, 15_000);

  it('lets deadlines move forward only', async () => {
    const child = sleeper();
    const startTime = processStartTime(child.pid!)!;
    const watchdog = await startWatchdog([child.pid!], bootClock() + 3_000);
    const deadline = bootClock() + 4_500;
    await watchdog.extend(deadline);
    await watchdog.extend(bootClock() + 10);
    expect(await endOf(child.pid!, startTime)).toBeGreaterThanOrEqual(deadline - 10);
    await watchdog.ended;
  }, 15_000);

  it('ends with what it guards, and guards no stranger that has the same number', async () => {
    const child = sleeper();
    const watchdog = await startWatchdog([child.pid!], bootClock() + 3_600_000);
    child.kill('SIGKILL');
    await watchdog.ended;
    expect(processStartTime(watchdog.pid)).toBeUndefined();
    await expect(startWatchdog([child.pid!], bootClock() + 1_000)).rejects.toMatchObject({ code: 'hypermesh.workload_failed' });
  });
});

/** An agent in a process of its own, with one exclusive workload. */
async function agentProcess(leaseMs: number): Promise<{ agent: ChildProcess; workload: number; startTime: string; deadline: number }> {
  const directory = await mkdtemp(join(tmpdir(), 'watchdog-'));
  await writeFile(join(directory, 'program'), '');
  const entry = fileURLToPath(new URL('./exclusive-agent.entry.ts', import.meta.url));
  const options = ['--conditions=@hypermesh/source', '--disable-warning=ExperimentalWarning'];
  const agent = spawn(process.execPath, [...options, entry, directory, String(leaseMs)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise<string>((resolve) => createInterface({ input: agent.stdout }).once('line', resolve));
  const { pid: workload, deadline } = JSON.parse(line) as { pid: number; deadline: number };
  const startTime = processStartTime(workload) as string;
  onTestFinished(async () => {
    agent.kill('SIGKILL');
    if (processStartTime(workload) === startTime) process.kill(workload, 'SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });
  return { agent, workload, startTime, deadline };
}

describe.each<NodeJS.Signals>(['SIGKILL', 'SIGSTOP'])('when the agent gets %s', (signal) => {
  it('an exclusive workload ends at the deadline of its lease', async () => {
    const { agent, workload, startTime, deadline } = await agentProcess(4_000);
    agent.kill(signal);
    expect(processStartTime(workload)).toBe(startTime);
    const endedAt = await endOf(workload, startTime);
    expect(endedAt).toBeGreaterThanOrEqual(deadline - 10);
    expect(endedAt).toBeLessThan(deadline + LATE_MS_MAX);
  }, 30_000);
});
