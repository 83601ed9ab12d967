import { defineErrors, type ErrorFactory } from '@hypermesh/stoq';

const catalogue = {
  'faults.requirement_missing': { message: 'This machine lacks what the campaign needs', retryable: false },
  'faults.recovery_failed': { message: 'The process that watches the recovery ended without a result', retryable: false },
} as const;

export type FaultsErrorCode = keyof typeof catalogue;

/** Errors of this package. */
export const faultsError: ErrorFactory<FaultsErrorCode> = defineErrors(catalogue);
