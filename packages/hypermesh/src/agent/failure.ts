import { CodedError } from '@hypermesh/stoq';
import type { WorkloadState } from '../runtime/driver.ts';

/** Why a workload has ended, for the mesh. */
export function reasonOf(end: WorkloadState): string {
  return end.state === 'exited' ? end.reason : '';
}

/** Why a run has failed, for the mesh. */
export function codeOf(error: unknown): string {
  return error instanceof CodedError ? error.code : 'hypermesh.workload_failed';
}

/** Why a run has failed, for the owner of the app: of errors that name nothing of the node, their words. */
export function wordsOf(error: unknown): string {
  const code = codeOf(error);
  return error instanceof CodedError && code.startsWith('hypermesh.workload_') ? `${error.message} [${code}]` : code;
}
