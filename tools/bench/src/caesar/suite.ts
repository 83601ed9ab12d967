import { LINKED_TRANSFERS_MAX } from '@hypermesh/caesar';
import { measureRate } from '../mesh/rate.ts';
import { withoutFollowers } from '../mesh/without-followers.ts';
import type { Metric } from '../report/metric.ts';
import type { SuiteContext } from '../suite.ts';
import { measureMachine } from './machine.ts';

const TRANSACTIONS = 20;
const SHAPE = { transactions: TRANSACTIONS, operations: 1, transfersPerOperation: LINKED_TRANSFERS_MAX } as const;

export async function* measureCaesar({ mesh, runs, signal, onProgress }: SuiteContext): AsyncGenerator<Metric> {
  yield measureMachine(runs);
  const running = await mesh.running();
  await using _ = await withoutFollowers(running);
  onProgress('caesar: transfers through four validators');
  yield await measureRate(
    running,
    { name: 'caesar.log.transfers_per_s', shape: SHAPE, counted: TRANSACTIONS * LINKED_TRANSFERS_MAX, runs },
    signal,
  );
}
