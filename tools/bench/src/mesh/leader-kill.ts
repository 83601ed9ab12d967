import { performance } from 'node:perf_hooks';
import { type RunningMesh, type User, waitUntil } from '@hypermesh/devnet';
import { type DecodedTransaction, meshContract } from '@hypermesh/mesh/client';
import { benchError } from '../errors.ts';
import { signLoad } from './ledger-load.ts';
import { clientOf, targetsOf } from './validator-client.ts';

const REJOINED_MS_MAX = 60_000;

/** Kills the leader of the current round; milliseconds from the signal to the verified receipt of a transaction from the others. */
export async function leaderKillMs({ mesh, user }: RunningMesh, signal: AbortSignal): Promise<number> {
  const { transactions } = await signLoad(user, { transactions: 1, operations: 1, transfersPerOperation: 1 });
  const { leader } = await user.mesh.status({ signal });
  const survivors = clientOf(user, (name) => name !== leader);
  // Sessions with the survivors are open before.
  await survivors.status({ signal });
  const startedAt = performance.now();
  await mesh.kill(leader);
  await survivors.settle(transactions[0] as DecodedTransaction, { signal });
  const durationMs = performance.now() - startedAt;
  await mesh.start(leader);
  await rejoined(user, leader, signal);
  return durationMs;
}

/** The restarted validator has executed what was committed without it. */
async function rejoined(user: User, validator: string, signal: AbortSignal): Promise<void> {
  const [target] = targetsOf(user, (name) => name === validator);
  if (target === undefined) throw benchError('bench.step_failed', { validator });
  const { executedHeight: goal } = await user.mesh.status({ signal });
  const client = user.member.host.connect(meshContract, target);
  await waitUntil(`${validator} to reach height ${goal}`, REJOINED_MS_MAX, signal, async () => {
    return (await client.status({}, { signal })).executedHeight >= goal;
  });
}
