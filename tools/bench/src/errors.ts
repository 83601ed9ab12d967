import { defineErrors, type ErrorFactory } from '@hypermesh/stoq';

const catalogue = {
  'bench.peer_failed': { message: 'The other process of the measurement ended or answered wrongly', retryable: true },
  'bench.data_wrong': { message: 'What arrived is not what was sent: there is no figure', retryable: false },
  'bench.vectors_unusable': { message: 'A file of public vectors is missing or not in its published form', retryable: false },
  'bench.step_failed': { message: 'A step of the measurement did not happen: there is no figure', retryable: true },
} as const;

export type BenchErrorCode = keyof typeof catalogue;

/** Errors of this package. */
export const benchError: ErrorFactory<BenchErrorCode> = defineErrors(catalogue);
