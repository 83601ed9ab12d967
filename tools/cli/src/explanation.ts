import { CodedError, type ErrorData, fileReason, PeerError } from '@hypermesh/stoq';
import { AdvisedError, cliError } from './errors.ts';

// The words of a refusal that travelled without its message.
const WORDLESS = 'The mesh refused the transaction';

// What to do next, for people; codes that are not here explain themselves.
const HINTS: Readonly<Record<string, string | ((data: ErrorData) => string)>> = {
  'cli.not_ready': 'See why with: hypermesh app explain NAME',
  'cli.timeout': 'Is the mesh running, and is this the right context? See: hypermesh context ls',
  'cli.file_unusable': 'Check the path, and that you may use what is there.',
  'cli.sponsor_missing': 'Nodes prove themselves once a window; see "hypermesh node ls" and try again.',
  // Whoever ended before it was ready has not been too slow.
  'devnet.daemon_failed': ({ loadAverage, cores }) =>
    loadAverage === undefined
      ? ''
      : `A busy machine is a likely cause (load average ${loadAverage} on ${cores} cores): the same command can simply be run again.`,
  'devnet.example_invalid':
    'Name a folder that holds a package and app.yaml, and let the app name its package by name and version; examples/hello is one.',
  'hypermesh.app_unknown': 'See what is deployed with: hypermesh app ls',
  'hypermesh.escrow_missing': 'Fund the app first: hypermesh ledger escrow APP --fund AMOUNT',
  'hypermesh.unschedulable': 'See what nodes offer with: hypermesh node ls',
  'hypermesh.quorum_lost': 'See which validators are silent with: hypermesh status',
  'hypermesh.transaction_owner': 'The account is no member of the mesh yet; repeat "hypermesh login".',
  'stoq.carrier_refused': 'Is the mesh running, and is this the right context? See: hypermesh context ls',
  'stoq.carrier_timeout': 'Is the mesh running, and is this the right context? See: hypermesh context ls',
  'trustchain.keystore_missing':
    'If its mesh has ended, forget the context with "hypermesh logout"; a home that is there is taken with "hypermesh login --home DIR".',
  'trustchain.token_used': 'Ask for a new token: hypermesh node invite',
  'trustchain.token_invalid': 'Paste the whole line that begins with join1. or ask for a new token: hypermesh node invite',
  'trustchain.certificate_expired': 'Log in again with a new token.',
  'catalog.description_invalid':
    'Every package has a package.yaml, such as examples/hello/package.yaml; its fields are in docs/reference/documents.md.',
  'catalog.version_exists': 'Raise "version" in package.yaml and publish again.',
  'catalog.version_unknown': 'See what is published with "hypermesh pkg ls"; publish with: hypermesh pkg publish DIR',
  'caesar.escrow_unknown': 'See what is deployed with "hypermesh app ls"; open an escrow with: hypermesh ledger escrow APP --fund AMOUNT',
  'caesar.escrow_in_use': 'Remove the app with "hypermesh app rm APP", have it billed with "hypermesh ledger close", and try again.',
  'caesar.funds_insufficient': 'See what there is with: hypermesh ledger balance',
};

export interface Explanation {
  readonly error: unknown;
  readonly hint: string;
}

/** The error in words for people: codes from the mesh get the message of their catalogue back, errors of files get a code. */
export async function explain(error: unknown): Promise<Explanation> {
  if (error instanceof CodedError) return { error: await worded(error), hint: hintOf(error) };
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof Error && typeof code === 'string' && typeof syscall === 'string') {
    const unusable = cliError('cli.file_unusable', { path, reason: fileReason(error) }, { cause: error });
    return { error: unusable, hint: hintOf(unusable) };
  }
  return { error, hint: '' };
}

function hintOf(error: CodedError): string {
  const advice = error instanceof AdvisedError ? error.advice : '';
  if (advice !== '') return advice;
  const hint = HINTS[error.code] ?? '';
  return typeof hint === 'string' ? hint : hint(error.data);
}

async function worded(error: CodedError): Promise<CodedError> {
  if (!(error instanceof PeerError) && !error.message.startsWith(WORDLESS)) return error;
  const message = await messageOf(error.code);
  if (message === undefined) return error;
  return new CodedError(error.code, { message, retryable: error.retryable }, error.data, { cause: error });
}

async function messageOf(code: string): Promise<string | undefined> {
  const [{ hypermeshError }, { trustError }, { caesarError }, { catalogError }] = await Promise.all([
    import('@hypermesh/mesh/client'),
    import('@hypermesh/trustchain'),
    import('@hypermesh/caesar'),
    import('@hypermesh/catalog'),
  ]);
  const catalogues: readonly Readonly<Record<string, { readonly message: string }>>[] = [
    hypermeshError.catalogue,
    trustError.catalogue,
    caesarError.catalogue,
    catalogError.catalogue,
  ];
  return catalogues.map((catalogue) => catalogue[code]?.message).find((message) => message !== undefined);
}
