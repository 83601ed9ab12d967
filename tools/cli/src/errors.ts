import { CodedError, defineErrors, type ErrorData, type ErrorFactory, type ErrorSpec } from '@hypermesh/stoq';

const catalogue = {
  'cli.usage': { message: 'The command line is not complete or not understood', retryable: false },
  'cli.context_missing': {
    message: 'There is no such context; see "hypermesh context ls", make one with "hypermesh login TOKEN" or "hypermesh login --home DIR"',
    retryable: false,
  },
  'cli.context_exists': { message: 'A context of that name is already there; choose another with --context', retryable: false },
  'cli.context_keys': {
    message: 'The context holds the only copy of its keys; add --delete-keys to delete them for good',
    retryable: false,
  },
  'cli.not_found': { message: 'The mesh knows nothing of that name or number', retryable: false },
  'cli.file_unusable': { message: 'The file or folder cannot be used', retryable: false },
  'cli.interrupted': { message: 'Interrupted; what was ordered before may still take effect', retryable: false },
  'cli.timeout': { message: 'The mesh did not answer in time; allow more with --timeout SECONDS', retryable: true },
  'cli.payment_open': {
    message: 'The command did not end, and may have paid; add --payment-id with this id when you repeat it, or it pays again',
    retryable: false,
  },
  'cli.sponsor_missing': { message: 'No node has a current Proof of State that could vouch for the operation', retryable: true },
  'cli.not_ready': { message: 'The app is deployed, but its replicas are not ready yet', retryable: true },
  'cli.log_refused': { message: 'No validator has shown a log that verifies', retryable: false },
  'cli.unsupported': { message: 'This version of hypermesh has no such command yet', retryable: false },
} as const;

export type CliErrorCode = keyof typeof catalogue;

/** Errors of this package. */
export const cliError: ErrorFactory<CliErrorCode> = defineErrors(catalogue);

/** A `cli.usage` error that says what is wrong in its own words. */
export function usageError(message: string, data: ErrorData = {}): CodedError<'cli.usage'> {
  return new CodedError('cli.usage', { message, retryable: false }, data);
}

/** An error with advice for people on this very failure. */
export class AdvisedError extends CodedError {
  readonly advice: string;

  constructor(code: string, spec: ErrorSpec, data: ErrorData, { cause, advice }: { readonly cause: unknown; readonly advice: string }) {
    super(code, spec, data, { cause });
    this.advice = advice;
  }
}
