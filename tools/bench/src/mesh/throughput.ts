import { performance } from 'node:perf_hooks';
import { type RunningMesh, VALIDATORS } from '@hypermesh/devnet';
import type { DecodedTransaction } from '@hypermesh/mesh/client';
import { cpuMsOf } from '../report/process-usage.ts';
import { assertApplied, type LoadShape, receivedUnits, signLoad } from './ledger-load.ts';
import { clientOf } from './validator-client.ts';

export interface ThroughputRun {
  /** From the first submission to the verified receipt of the last transaction. */
  readonly durationMs: number;
  /** Processor time of the validators meanwhile. */
  readonly cpuMs: number;
  readonly payloadBytes: number;
  readonly encodedBytes: number;
}

/**
 * Signs the load, then submits it to one validator, many transactions in a call, and waits for the certified receipt of the last
 * transaction: an account's transactions execute in order, so that all are committed then. The books are compared afterwards.
 */
export async function runLoad(
  { mesh, user }: RunningMesh,
  shape: LoadShape,
  validator: number,
  signal: AbortSignal,
): Promise<ThroughputRun> {
  const load = await signLoad(user, shape);
  const before = await receivedUnits(user, signal);
  const client = clientOf(user, (name) => name === VALIDATORS[validator % VALIDATORS.length]);
  await client.status({ signal });
  const { transactions, payloadBytes, encodedBytes } = load;
  const pids = VALIDATORS.map((name) => mesh.daemon(name).pid);
  const cpuBefore = cpuMsOf(pids);
  const startedAt = performance.now();
  await client.submitAll(transactions, { signal });
  await user.mesh.settle(transactions.at(-1) as DecodedTransaction, { signal });
  const durationMs = performance.now() - startedAt;
  const cpuMs = cpuMsOf(pids) - cpuBefore;
  await assertApplied(user, load, before, signal);
  return { durationMs, cpuMs, payloadBytes, encodedBytes };
}
