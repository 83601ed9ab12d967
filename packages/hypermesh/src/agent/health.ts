import { type Clock, pause } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { HealthCheck } from '../mesh-machine/app.ts';
import type { Workload } from '../runtime/driver.ts';

// Answers from here on say that the replica, not the request, is at fault.
const SERVER_ERROR = 500;

/** One probe: an answer below 500 within its time. */
export async function isHealthy(workload: Workload, { path, timeoutMs }: HealthCheck, signal: AbortSignal): Promise<boolean> {
  try {
    const request = { method: 'GET', path, headers: {}, body: new Uint8Array() };
    const { status } = await workload.handle(request, { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
    return status < SERVER_ERROR;
  } catch {
    return false;
  }
}

/** Resolves with the first healthy answer. Throws `hypermesh.workload_unhealthy` after `failuresMax` others. */
export async function becomesHealthy(workload: Workload, check: HealthCheck, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let failures = 0; !(await isHealthy(workload, check, signal));) {
    failures += 1;
    if (failures >= check.failuresMax || signal.aborted)
      throw hypermeshError('hypermesh.workload_unhealthy', { path: check.path, failures });
    await pause(clock, check.intervalMs, signal);
  }
}

/** Probes until the signal aborts; resolves once `failuresMax` probes in a row have failed, or with the abort. */
export async function becomesUnhealthy(workload: Workload, check: HealthCheck, clock: Clock, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted && failures < check.failuresMax) {
    await pause(clock, check.intervalMs, signal);
    if (!signal.aborted) failures = (await isHealthy(workload, check, signal)) ? 0 : failures + 1;
  }
}
