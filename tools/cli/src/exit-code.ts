import { CodedError } from '@hypermesh/stoq';

/** What the shell is told: every command ends with one of these. */
export const EXIT = { ok: 0, failed: 1, usage: 2, notAuthorised: 3, unavailable: 4 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

// The caller is not, or not any more, somebody who may do that.
const NOT_AUTHORISED: ReadonlySet<string> = new Set([
  'stoq.rpc_forbidden',
  'stoq.identity_refused',
  'stoq.session_revoked',
  'hypermesh.not_authorised',
  'hypermesh.transaction_owner',
  'caesar.not_authorised',
  'catalog.name_taken',
  'trustchain.certificate_expired',
  'trustchain.certificate_revoked',
  'trustchain.token_invalid',
  'trustchain.token_used',
  'trustchain.policy_refused',
]);

// Nothing is wrong with the command: the mesh cannot be reached or cannot decide at the moment.
const UNAVAILABLE: ReadonlySet<string> = new Set([
  'stoq.carrier_refused',
  'stoq.carrier_timeout',
  'stoq.carrier_closed',
  'stoq.session_closed',
  'stoq.session_idle',
  'stoq.handshake_timeout',
  'stoq.handshake_overload',
  'stoq.rpc_deadline',
  'stoq.rpc_overload',
  'hypermesh.quorum_lost',
  'hypermesh.not_committed',
  'hypermesh.mempool_full',
  'hypermesh.no_replica',
  'hypermesh.not_running',
  'trustchain.revocation_stale',
  'trustchain.policy_pending',
  'trustchain.policy_failed',
  'cli.timeout',
  'cli.not_ready',
  'cli.sponsor_missing',
]);

const USAGE: ReadonlySet<string> = new Set([
  'cli.usage',
  'cli.context_missing',
  'cli.context_exists',
  'cli.context_keys',
  'stoq.id_malformed',
  'stoq.config_invalid',
  'trustchain.config_invalid',
  'hypermesh.app_invalid',
]);

export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof CodedError)) return EXIT.failed;
  if (USAGE.has(error.code)) return EXIT.usage;
  if (NOT_AUTHORISED.has(error.code)) return EXIT.notAuthorised;
  return UNAVAILABLE.has(error.code) ? EXIT.unavailable : EXIT.failed;
}
