import { defineErrors, type ErrorFactory } from '@hypermesh/stoq';

const catalogue = {
  'cli.usage': { message: 'The command line is not complete or not understood', retryable: false },
  'cli.context_missing': { message: 'There is no such context; make one with "hypermesh login TOKEN"', retryable: false },
  'cli.context_exists': { message: 'A context of that name is already there; choose another with --context', retryable: false },
  'cli.not_found': { message: 'Nothing of that name is known to the mesh', retryable: false },
} as const;

export type CliErrorCode = keyof typeof catalogue;

/** Errors of this package. */
export const cliError: ErrorFactory<CliErrorCode> = defineErrors(catalogue);
