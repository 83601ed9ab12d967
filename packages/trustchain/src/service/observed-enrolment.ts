import { type Clock, CodedError } from '@hypermesh/stoq';
import type { Enrolment } from '../enrolment/enrolment.ts';
import type { TrustchainMetrics } from '../metrics.ts';

/** The same enrolment, counted and timed. A coded error that a retry does not mend is a refusal, any other a failure. */
export function observeEnrolment(enrolment: Enrolment, metrics: TrustchainMetrics, clock: Clock): Enrolment {
  const observed = async (kind: 'enrol' | 'renew', run: () => Promise<Uint8Array>): Promise<Uint8Array> => {
    const startMs = clock.monotonic();
    const durationSeconds = (): number => (clock.monotonic() - startMs) / 1000;
    try {
      const bundle = await run();
      metrics.issued(kind, 'issued', durationSeconds());
      return bundle;
    } catch (error) {
      metrics.issued(kind, error instanceof CodedError && !error.retryable ? 'refused' : 'failed', durationSeconds());
      throw error;
    }
  };
  return {
    challenge: (request, secret, caller) => enrolment.challenge(request, secret, caller),
    enrol: (submission, secret, caller, options) => observed('enrol', () => enrolment.enrol(submission, secret, caller, options)),
    renew: (submission, caller, options) => observed('renew', () => enrolment.renew(submission, caller, options)),
  };
}
