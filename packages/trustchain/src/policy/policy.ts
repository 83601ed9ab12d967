import { trustError } from '../errors.ts';
import type { IssuanceQuestion, IssuanceVerdict } from './question.ts';

/** Decides whether a request that enrolment has checked becomes a certificate. */
export interface IssuancePolicy {
  /** Answers, or throws `trustchain.policy_failed`: no answer is never an approval. */
  decide(question: IssuanceQuestion, options: { signal: AbortSignal }): Promise<IssuanceVerdict>;
}

/**
 * Phase 0, before any validator runs: a join token admits, and whoever holds a certificate renews. Enrolment has
 * verified both; this policy refuses what came without them.
 */
export function createTokenPolicy(): IssuancePolicy {
  return {
    async decide(question) {
      if (question.kind === 'enrol' && question.tokenHash === null) return { decision: 'refused', code: 'token_missing' };
      return { decision: 'approved', code: 'ok' };
    },
  };
}

/** Throws `trustchain.policy_refused` or `trustchain.policy_pending` unless the verdict approves. */
export function assertApproved(verdict: IssuanceVerdict): void {
  if (verdict.decision === 'refused') throw trustError('trustchain.policy_refused', { reason: verdict.code });
  if (verdict.decision === 'pending') throw trustError('trustchain.policy_pending', { reason: verdict.code });
}
