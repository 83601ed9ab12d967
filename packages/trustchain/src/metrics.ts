import type { Metrics } from '@hypermesh/stoq/host';

const KINDS = ['enrol', 'renew'] as const;
const OUTCOMES = ['issued', 'refused', 'failed'] as const;

/** What is measured while trustchaind works. */
export interface TrustchainMetrics {
  readonly issued: (kind: (typeof KINDS)[number], outcome: (typeof OUTCOMES)[number], durationSeconds: number) => void;
  readonly revoked: () => void;
  readonly witnessFailed: () => void;
}

/** What is asked for when the metrics are read. */
export interface TrustchainGauges {
  readonly certificates: () => number;
  readonly packages: () => number;
  readonly revocations: () => number;
  readonly names: () => number;
  readonly witnessPolicyVersion: () => number;
  readonly revocationHeadAgeSeconds: () => number;
}

// A certificate takes some 30 ms of signatures and a commit; with slow witnesses, seconds.
const DURATION_BUCKETS_SECONDS: readonly number[] = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];

export function createTrustchainMetrics(metrics: Metrics): TrustchainMetrics {
  const certificates = metrics.counter({
    name: 'trustchain_certificates_total',
    help: 'Requests for a certificate by what became of them',
    labels: { kind: KINDS, outcome: OUTCOMES },
  });
  const duration = metrics.histogram({
    name: 'trustchain_issuance_duration_seconds',
    help: 'From the submission of a request to its bundle',
    labels: { kind: KINDS },
    buckets: DURATION_BUCKETS_SECONDS,
  });
  const revocations = metrics.counter({ name: 'trustchain_revocations_total', help: 'Revocation requests that were carried out' });
  const witnesses = metrics.counter({
    name: 'trustchain_witness_failures_total',
    help: 'Times that no quorum of validators gave cosignatures or a verdict',
  });
  return {
    issued(kind, outcome, durationSeconds) {
      certificates.add({ kind, outcome });
      if (outcome === 'issued') duration.observe({ kind }, durationSeconds);
    },
    revoked: () => revocations.add({}),
    witnessFailed: () => witnesses.add({}),
  };
}

export function observeTrustchain(metrics: Metrics, gauges: TrustchainGauges): void {
  const observed: readonly [name: string, help: string, read: () => number][] = [
    ['trustchain_certificate_log_entries_count', 'Entries of the certificate log', gauges.certificates],
    ['trustchain_package_log_entries_count', 'Entries of the package log', gauges.packages],
    ['trustchain_revocation_log_entries_count', 'Entries of the revocation log', gauges.revocations],
    ['trustchain_zone_names_count', 'Names of the zone', gauges.names],
    ['trustchain_witness_policy_version_count', 'Version of the witness policy; 0 demands no cosignature', gauges.witnessPolicyVersion],
    ['trustchain_revocation_head_age_seconds', 'Age of the signed revocation head', gauges.revocationHeadAgeSeconds],
  ];
  for (const [name, help, read] of observed) metrics.observed({ name, help }, read);
}
