import { defineErrors, type ErrorFactory } from '@hypermesh/stoq';

const catalogue = {
  'devnet.daemon_failed': { message: 'A daemon ended or did not become ready; its log says why', retryable: true },
  'devnet.directory_used': { message: 'The directory belongs to a mesh that runs, or is not a mesh', retryable: false },
  'devnet.example_invalid': { message: 'The example cannot be deployed', retryable: false },
  'devnet.step_failed': { message: 'A step of the main job did not happen', retryable: true },
  'devnet.not_running': { message: 'No local mesh runs from that directory', retryable: false },
  'devnet.unsupported': { message: 'A mesh on one machine needs Linux', retryable: false },
} as const;

export type DevnetErrorCode = keyof typeof catalogue;

/** Errors of this package. */
export const devnetError: ErrorFactory<DevnetErrorCode> = defineErrors(catalogue);
