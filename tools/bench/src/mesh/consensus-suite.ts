import type { RunningMesh } from '@hypermesh/devnet';
import type { DecodedTransaction } from '@hypermesh/mesh/client';
import { latency, type Metric } from '../report/metric.ts';
import { sampleMs } from '../sampling.ts';
import type { SuiteContext } from '../suite.ts';
import { leaderKillMs } from './leader-kill.ts';
import { type LoadShape, signLoad } from './ledger-load.ts';
import { measureRate, VOTES } from './rate.ts';
import { withoutFollowers } from './without-followers.ts';

const COMMITS_PER_RUN = 20;
const COMMITS_WARM_UP = 10;
// Two linked transfers make a payload of somewhat more than 512 bytes. Fewer transactions than one owner may have waiting.
const TRANSACTIONS: LoadShape = { transactions: 1_500, operations: 1, transfersPerOperation: 2 };
const OPERATIONS: LoadShape = { transactions: 20, operations: 1_000, transfersPerOperation: 1 };
const LEADER_KILLS_MAX = 3;

/** Four validators of the local mesh, each a process, votes with FALCON; nobody else takes part. */
export async function* measureConsensus({ mesh, runs, signal, onProgress }: SuiteContext): AsyncGenerator<Metric> {
  const running = await mesh.running();
  await using _ = await withoutFollowers(running);
  onProgress('consensus: committing one after the other');
  yield await measureCommits(running, runs, signal);
  onProgress('consensus: signing and committing transactions');
  yield await measureRate(running, { name: 'hypermesh.tx.per_s', shape: TRANSACTIONS, counted: TRANSACTIONS.transactions, runs }, signal);
  onProgress('consensus: signing and committing operations');
  const operations = OPERATIONS.transactions * OPERATIONS.operations;
  yield await measureRate(running, { name: 'hypermesh.ops.per_s', shape: OPERATIONS, counted: operations, runs }, signal);
  onProgress('consensus: killing leaders');
  const recoveries: number[] = [];
  for (let turn = 0; turn < Math.min(runs, LEADER_KILLS_MAX); turn++) recoveries.push(await leaderKillMs(running, signal));
  yield latency('hypermesh.leader_kill.recovery_ms', recoveries, { ...VOTES, signal: 'SIGKILL', until: 'verified receipt' });
}

/** From the submission of a signed transaction to its receipt, certified by a quorum and verified here. */
async function measureCommits({ user }: RunningMesh, runs: number, signal: AbortSignal): Promise<Metric> {
  const count = COMMITS_PER_RUN * runs;
  const load = await signLoad(user, { transactions: COMMITS_WARM_UP + count, operations: 1, transfersPerOperation: 1 });
  const settle = (turn: number): Promise<unknown> => user.mesh.settle(load.transactions[turn] as DecodedTransaction, { signal });
  const samples = await sampleMs(count, COMMITS_WARM_UP, settle);
  return latency('hypermesh.commit.ms', samples, { ...VOTES, warmUp: COMMITS_WARM_UP, until: 'verified receipt' });
}
