import type { CounterMetric, Metrics } from '@hypermesh/stoq/host';

/** What a validator shows to its operator; heights are asked for when metrics are read. */
export interface ValidatorMetrics {
  readonly transactions: CounterMetric<{ readonly outcome: readonly ['applied', 'refused', 'void'] }>;
  readonly rejected: CounterMetric<Record<never, never>>;
  readonly evidence: CounterMetric<Record<never, never>>;
  readonly submissionsRefused: CounterMetric<Record<never, never>>;
}

export interface ObservedValidator {
  committedHeight(): number;
  executedHeight(): number;
  certifiedHeight(): number;
  round(): number;
  mempoolTransactions(): number;
  waitingSubmissions(): number;
}

export function createValidatorMetrics(metrics: Metrics, observed: ObservedValidator): ValidatorMetrics {
  metrics.observed({ name: 'hypermesh_committed_height', help: 'Newest committed block' }, () => observed.committedHeight());
  metrics.observed({ name: 'hypermesh_executed_height', help: 'Newest executed block' }, () => observed.executedHeight());
  metrics.observed({ name: 'hypermesh_certified_height', help: 'Newest executed block whose root is certified' }, () =>
    observed.certifiedHeight(),
  );
  metrics.observed({ name: 'hypermesh_round_count', help: 'Round of consensus' }, () => observed.round());
  metrics.observed({ name: 'hypermesh_mempool_transactions_count', help: 'Transactions accepted and not executed' }, () =>
    observed.mempoolTransactions(),
  );
  metrics.observed({ name: 'hypermesh_submissions_waiting_count', help: 'Transactions of calls that have not ended' }, () =>
    observed.waitingSubmissions(),
  );
  return {
    transactions: metrics.counter({
      name: 'hypermesh_transactions_total',
      help: 'Ordered transactions by what became of them',
      labels: { outcome: ['applied', 'refused', 'void'] },
    }),
    rejected: metrics.counter({ name: 'hypermesh_messages_rejected_total', help: 'Consensus messages that were dropped' }),
    evidence: metrics.counter({ name: 'hypermesh_evidence_total', help: 'Proofs of a fault of another validator' }),
    submissionsRefused: metrics.counter({ name: 'hypermesh_submissions_refused_total', help: 'Calls that found no room to wait in' }),
  };
}
