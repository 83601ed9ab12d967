import { setTimeout as pause } from 'node:timers/promises';
import { DAEMONS, replicasReady, VALIDATORS, waitUntil } from '@hypermesh/devnet';
import { blobContract } from '@hypermesh/stoq';
import type { Campaign } from '../campaign.ts';
import { checkAgreement } from '../checks/agreement.ts';
import { checkDurability } from '../checks/durability.ts';
import type { Findings } from '../findings.ts';
import type { TestBed } from '../mesh/test-bed.ts';
import type { Acknowledged } from '../work/acknowledged.ts';
import { Writer } from '../work/writer.ts';
import { withTasks } from '../work/workload.ts';
import { type PlannedKill, planKills } from './plan.ts';

// Restart, block sync, view changes and the retries of clients on a loaded machine.
const PROGRESS_MS_MAX = 60_000;

// A call that finds the session of before silent waits for its deadline of 5 s; the next one dials anew.
const EDGE_MS_MAX = 15_000;

/** `kill -9` of each kind of daemon at random points under load; nothing acknowledged may be lost. */
export const runKills: Campaign = async ({ bed, rounds, seed, findings, onProgress }) => {
  await withTasks(bed, onProgress, async (tasks, acknowledged) => {
    const writer = new Writer(tasks, findings, bed.signal);
    for (const [round, kill] of planKills(seed, rounds).entries()) {
      const name = await victimOf(bed, kill);
      const label = `round ${round + 1} of ${rounds}`;
      onProgress(
        `${label}: kill -9 of ${name}${kill.victim === 'leader' ? ', the leader' : ''} after ${kill.afterMs} ms, down ${kill.downMs} ms`,
      );
      const before = findings.violations.length;
      await findings.check(label, () => runRound({ bed, kill, name, writer, acknowledged, findings, onProgress }));
      findings.count(`kills of ${kindOf(name)}`);
      if (kill.victim === 'leader') findings.count('kills of the leader');
      for (const violation of findings.violations.slice(before)) onProgress(`  violation: ${violation}`);
    }
    await findings.check('the app at the end', async () => {
      await replicasReady(bed.user, acknowledged.app.name, acknowledged.app.replicas, bed.signal);
    });
  });
};

interface Round {
  readonly bed: TestBed;
  readonly kill: PlannedKill;
  /** Name of the daemon. */
  readonly name: string;
  readonly writer: Writer;
  readonly acknowledged: Acknowledged;
  readonly findings: Findings;
  readonly onProgress: (text: string) => void;
}

async function runRound({ bed, kill, name, writer, acknowledged, findings }: Round): Promise<void> {
  const { mesh, signal } = bed;
  writer.resume();
  try {
    await pause(kill.afterMs, undefined, { signal });
    await mesh.kill(name);
    await pause(kill.downMs, undefined, { signal });
    await findings.timed('restart', () => mesh.start(name));
    const stuck = await findings.timed('progress of all work after a restart', () => writer.progress(PROGRESS_MS_MAX));
    findings.expect(stuck.length === 0, `after the restart of ${name} no progress within ${PROGRESS_MS_MAX} ms: ${stuck.join('; ')}`);
  } finally {
    await writer.pause();
  }
  await findings.timed('check of agreement', () => checkAgreement(bed, acknowledged, findings));
  await findings.timed('check of durability', () => checkDurability(bed, acknowledged, findings));
  if (name === 'stoqd') await checkEdge(bed);
}

/** The edge node answers again: it says of a blob that it has not got it. */
async function checkEdge(bed: TestBed): Promise<void> {
  const { user, signal } = bed;
  const edge = user.member.host.connect(blobContract, bed.target('stoqd'));
  await waitUntil('the edge node to answer', EDGE_MS_MAX, signal, () => edge.stat({ digest: new Uint8Array(32) }, { signal }));
}

async function victimOf({ user, signal }: TestBed, { victim, choice }: PlannedKill): Promise<string> {
  if (victim === 'validator') return VALIDATORS[choice % VALIDATORS.length] as string;
  if (victim !== 'leader') return victim;
  const { leader } = await user.mesh.status({ signal });
  return leader;
}

function kindOf(name: string): string {
  return DAEMONS.find((daemon) => daemon.name === name)?.kind ?? name;
}
