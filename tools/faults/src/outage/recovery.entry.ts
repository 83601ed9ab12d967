import { readFile } from 'node:fs/promises';
import { EXAMPLE, ingressesOf, waitUntil } from '@hypermesh/devnet';
import { buildPackage } from '@hypermesh/catalog';
import { interruption } from '@hypermesh/testkit/campaign-command';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkAgreement } from '../checks/agreement.ts';
import { checkDurability } from '../checks/durability.ts';
import { Findings } from '../findings.ts';
import { openTestBed, type TestBed } from '../mesh/test-bed.ts';
import type { Acknowledged } from '../work/acknowledged.ts';
import { createTasks } from '../work/tasks.ts';
import { Writer } from '../work/writer.ts';

// Started under a clock that is 72 hours ahead, with the folder of a mesh whose power was cut and what it had acknowledged.
const ANSWER_MS_MAX = 120_000;
const WORK_MS_MAX = 90_000;

const [directory, record] = process.argv.slice(2) as [string, string];
const stopping = interruption();
const findings = new Findings(stopping);
const startedAt = performance.now();
const onProgress = (text: string): void => void process.stderr.write(`${text}\n`);

await findings.check('recovery', async () => {
  const acknowledged = JSON.parse(await readFile(record, 'utf8')) as Acknowledged;
  await using bed = await openTestBed({
    directory,
    signal: stopping,
    onProgress,
    onLost: (daemon) => findings.violation(`${daemon} ended although nobody killed it`),
  });
  findings.highest('all daemons ready and the user connected, ms', performance.now() - startedAt);
  onProgress('waiting for the app');
  await answers(bed, acknowledged.app.name);
  findings.highest('the app answers again, ms', performance.now() - startedAt);
  onProgress('checking what was acknowledged before');
  await checkAgreement(bed, acknowledged, findings);
  await checkDurability(bed, acknowledged, findings);
  onProgress('working again');
  await work(bed, acknowledged);
  await checkAgreement(bed, acknowledged, findings);
  await checkDurability(bed, acknowledged, findings);
});
process.stdout.write(`${JSON.stringify({ counts: findings.counts, violations: findings.violations })}\n`);

async function answers({ mesh, signal }: TestBed, app: string): Promise<void> {
  for (const door of ingressesOf(mesh)) {
    await waitUntil(`${app} to answer through ${door}`, ANSWER_MS_MAX, signal, async () => {
      return (await fetch(`${door}/${app}/`, { signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) })).ok;
    });
  }
}

async function work(bed: TestBed, acknowledged: Acknowledged): Promise<void> {
  const staging = await mkdtemp(join(tmpdir(), 'hypermesh-build-'));
  try {
    const writer = new Writer(createTasks(bed, acknowledged, await buildPackage(EXAMPLE, staging)), findings, bed.signal);
    writer.resume();
    const stuck = await writer.progress(WORK_MS_MAX);
    await writer.pause();
    findings.expect(stuck.length === 0, `no work within ${WORK_MS_MAX} ms: ${stuck.join('; ')}`);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
