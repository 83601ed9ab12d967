import type { Crypto, PublicKey } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import type { IssuancePolicy } from './policy.ts';
import { type IssuanceDecision, type IssuanceQuestion, type IssuanceVerdict, type SignedVerdict, verifyVerdict } from './question.ts';

/** One validator as the policy sees it. */
export interface PolicyMember {
  readonly name: string;
  readonly key: PublicKey<'ml-dsa-44'>;
  ask(question: IssuanceQuestion, options: { signal: AbortSignal }): Promise<SignedVerdict>;
}

/**
 * From phase 1 on: asks all validators at once and answers as soon as the outcome is certain. Approval takes `quorum`
 * signed approvals of different members; one wrong signature, error or time-out counts as no answer of that member.
 */
export function createQuorumPolicy(members: readonly PolicyMember[], quorum: number, crypto: Crypto): IssuancePolicy {
  return {
    async decide(question, { signal }) {
      if (members.length < quorum) throw trustError('trustchain.policy_failed', { members: members.length, quorum });
      const rest = new AbortController();
      try {
        const counted = await poll(members, quorum, AbortSignal.any([signal, rest.signal]), async (member, memberSignal) => {
          const verdict = await member.ask(question, { signal: memberSignal });
          return verifyVerdict(question, verdict, member.key, crypto) ? verdict : null;
        });
        return outcomeOf(counted, members.length, quorum);
      } finally {
        rest.abort();
      }
    },
  };
}

type Counted = Map<IssuanceDecision, string[]>;

/** Resolves when the outcome is certain, everybody has answered or failed, or the signal aborts. */
function poll(
  members: readonly PolicyMember[],
  quorum: number,
  signal: AbortSignal,
  ask: (member: PolicyMember, signal: AbortSignal) => Promise<SignedVerdict | null>,
): Promise<Counted> {
  return new Promise((resolve) => {
    const counted: Counted = new Map();
    let outstanding = members.length;
    const count = (verdict: SignedVerdict | null): void => {
      outstanding -= 1;
      if (verdict !== null) counted.set(verdict.decision, [...(counted.get(verdict.decision) ?? []), verdict.code]);
      const certain = isApproved(counted, quorum) || isRefused(counted, members.length, quorum);
      if (certain || outstanding === 0) resolve(counted);
    };
    if (signal.aborted) resolve(counted);
    signal.addEventListener('abort', () => resolve(counted), { once: true });
    for (const member of members) {
      ask(member, signal).then(count, () => count(null));
    }
  });
}

function isApproved(counted: Counted, quorum: number): boolean {
  return (counted.get('approved')?.length ?? 0) >= quorum;
}

/** So many refusals that no quorum of approvals can exist: a decision, not an outage. */
function isRefused(counted: Counted, memberCount: number, quorum: number): boolean {
  return (counted.get('refused')?.length ?? 0) > memberCount - quorum;
}

function outcomeOf(counted: Counted, memberCount: number, quorum: number): IssuanceVerdict {
  const [approvals, refusals, pending] = (['approved', 'refused', 'pending'] as const).map((decision) => counted.get(decision) ?? []);
  if (isApproved(counted, quorum)) return { decision: 'approved', code: 'ok' };
  if (isRefused(counted, memberCount, quorum)) return { decision: 'refused', code: refusals?.[0] as string };
  const [approvalCount, refusalCount, pendingCount] = [approvals?.length ?? 0, refusals?.length ?? 0, pending?.length ?? 0];
  if (approvalCount + pendingCount >= quorum) return { decision: 'pending', code: pending?.[0] as string };
  throw trustError('trustchain.policy_failed', { approvals: approvalCount, refusals: refusalCount, pending: pendingCount, quorum });
}
