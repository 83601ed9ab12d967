import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Campaign } from '../campaign.ts';
import { checkAgreement } from '../checks/agreement.ts';
import { faultsError } from '../errors.ts';
import type { Findings } from '../findings.ts';
import { withTasks } from '../work/workload.ts';
import { Writer } from '../work/writer.ts';
import { recoveryProgram, shiftedClock } from './shifted-clock.ts';

// Three times the life of a leaf certificate.
const OFFLINE_MS: number = 72 * 3_600_000;
const WORK_MS_MAX = 60_000;
const RECOVERY_MS_MAX = 300_000;

/** Power cut, 72 hours, power: the mesh recovers unaided, though every leaf certificate has expired. */
export const runOutage: Campaign = async ({ bed, findings, onProgress }) => {
  const { signal } = bed;
  const { directory } = bed.mesh;
  const { means, environment } = shiftedClock(OFFLINE_MS);
  const record = join(directory, 'acknowledged.json');
  await withTasks(bed, onProgress, async (tasks, acknowledged) => {
    const writer = new Writer(tasks, findings, signal);
    onProgress('working until every kind of work is acknowledged');
    writer.resume();
    const stuck = await writer.progress(WORK_MS_MAX);
    await writer.pause();
    findings.expect(stuck.length === 0, `no work before the outage: ${stuck.join('; ')}`);
    await checkAgreement(bed, acknowledged, findings);
    await writeFile(record, JSON.stringify(acknowledged));
  });
  onProgress('cutting the power');
  await bed.cutPower();
  await bed[Symbol.asyncDispose]();
  onProgress(`72 hours later (${means})`);
  await recover([join(directory, '..'), record], environment, findings, { signal, onProgress });
  findings.count('outages of 72 h');
};

interface Watching {
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
}

/** What the recovering process prints as its last line. */
export interface Recovery {
  readonly counts: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

async function recover(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  findings: Findings,
  { signal, onProgress }: Watching,
): Promise<void> {
  const child = spawn(process.execPath, ['--enable-source-maps', recoveryProgram(), ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = (): void => void child.kill('SIGTERM');
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(RECOVERY_MS_MAX)]);
  deadline.addEventListener('abort', stop, { once: true });
  createInterface({ input: child.stderr }).on('line', onProgress);
  let result: Recovery | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => (result = JSON.parse(line) as Recovery));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  deadline.removeEventListener('abort', stop);
  if (result === undefined) throw faultsError('faults.recovery_failed', { code, timeoutMs: RECOVERY_MS_MAX });
  for (const [name, value] of Object.entries(result.counts)) findings.count(`after the outage: ${name}`, value);
  for (const violation of result.violations) findings.violation(`after the outage: ${violation}`);
}
