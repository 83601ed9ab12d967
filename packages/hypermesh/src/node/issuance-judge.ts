import type { Clock, Handlers, Signer } from '@hypermesh/stoq';
import {
  decodeQuestion,
  type IssuancePolicyMethods,
  type IssuanceQuestion,
  type IssuanceVerdict,
  signVerdict,
} from '@hypermesh/trustchain';
import { hypermeshError } from '../errors.ts';
import type { StateReader } from '../machine/machine.ts';
import { readInvitation } from '../mesh-machine/invitation.ts';
import { readMember } from '../mesh-machine/member.ts';
import { readParameters } from '../mesh-machine/parameters.ts';

// The authority asks and waits; older questions are replays or the work of a wrong clock.
export const QUESTION_AGE_MS_MAX: number = 60_000;

/**
 * Whether the agreed state admits a certificate: members renew under the roles that they have, newcomers need an ordered
 * invitation that grants theirs. Revoking somebody else's certificate is not ordered in this version, so nobody approves it.
 */
export function judgeIssuance(state: StateReader, question: IssuanceQuestion, time: { readonly block: number }): IssuanceVerdict {
  const { kind, nodeId, tokenHash, roles } = question;
  if (kind === 'revoke') return refused('revocation_not_ordered');
  const member = readMember(state, nodeId);
  if (member !== undefined) return roles.every((role) => member.roles.includes(role)) ? APPROVED : refused('role_not_granted');
  if (kind === 'renew') return refused('member_unknown');
  if (tokenHash === null) return refused('token_missing');
  const invitation = readInvitation(state, tokenHash, time.block);
  if (invitation === undefined) return refused('invitation_unknown');
  return roles.every((role) => invitation.roles.includes(role)) ? APPROVED : refused('role_not_granted');
}

export interface IssuanceServiceComponents {
  /** Agreed state of the mesh machine, and the agreed time of its block. */
  readonly state: () => StateReader;
  readonly time: () => number;
  readonly witness: Signer<'ml-dsa-44'>;
  readonly clock: Clock;
}

/** The validator's side of `issuance-policy/1`. */
export function issuanceHandlers({ state, time, witness, clock }: IssuanceServiceComponents): Handlers<IssuancePolicyMethods> {
  return {
    async decide({ question: encoded }) {
      const question = decodeQuestion(encoded);
      const { meshId } = readParameters(state());
      if (Buffer.compare(meshId, question.meshId) !== 0) throw hypermeshError('hypermesh.transaction_mesh');
      const fresh = Math.abs(clock.now() - question.askedAt) <= QUESTION_AGE_MS_MAX;
      const verdict = fresh ? judgeIssuance(state(), question, { block: time() }) : refused('question_stale');
      return signVerdict(question, verdict, witness);
    },
  };
}

const APPROVED: IssuanceVerdict = { decision: 'approved', code: 'ok' };

function refused(code: string): IssuanceVerdict {
  return { decision: 'refused', code };
}
