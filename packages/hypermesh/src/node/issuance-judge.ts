import { type Clock, equalBytes, type Handlers, type Signer } from '@hypermesh/stoq';
import {
  decodeQuestion,
  type Genesis,
  type IssuancePolicyMethods,
  type IssuanceQuestion,
  type IssuanceVerdict,
  signVerdict,
  ZONE,
} from '@hypermesh/trustchain';
import { hypermeshError } from '../errors.ts';
import type { StateReader } from '../machine/machine.ts';
import { readInvitation } from '../mesh-machine/invitation.ts';
import { readMember } from '../mesh-machine/member.ts';
import { readParameters } from '../mesh-machine/parameters.ts';

// The authority asks and waits; older questions are replays or the work of a wrong clock.
export const QUESTION_AGE_MS_MAX: number = 60_000;

/** What is agreed at this moment. */
export interface Agreed {
  readonly state: StateReader;
  /** Agreed time of its block. */
  readonly time: number;
  readonly validators: Genesis['validators'];
}

/**
 * Whether what is agreed admits a certificate, or its revocation: members renew under the roles that they have, newcomers need
 * an ordered invitation that grants theirs, nobody is certified under the name of a validator of genesis but that validator, and
 * operators revoke. State knows no other names of certificates, so the authority's word is taken for them.
 */
export function judgeIssuance({ state, time, validators }: Agreed, question: IssuanceQuestion): IssuanceVerdict {
  const { kind, nodeId, requester, tokenHash, roles, names } = question;
  if (kind === 'revoke') return readMember(state, requester)?.roles.includes('operator') === true ? APPROVED : refused('operator_unknown');
  if (!equalBytes(requester, nodeId)) return refused('requester_not_holder');
  const others = validators.filter((validator) => !equalBytes(validator.nodeId, nodeId));
  if (others.some(({ name }) => names.includes(`${name}.${ZONE}`))) return refused('name_of_validator');
  const member = readMember(state, nodeId);
  if (member !== undefined) return roles.every((role) => member.roles.includes(role)) ? APPROVED : refused('role_not_granted');
  if (kind === 'renew') return refused('member_unknown');
  if (tokenHash === null) return refused('token_missing');
  const invitation = readInvitation(state, tokenHash, time);
  if (invitation === undefined) return refused('invitation_unknown');
  return roles.every((role) => invitation.roles.includes(role)) ? APPROVED : refused('role_not_granted');
}

export interface IssuanceServiceComponents {
  /** Agreed state of the mesh machine, and the agreed time of its block. */
  readonly state: () => StateReader;
  readonly time: () => number;
  readonly validators: Genesis['validators'];
  readonly witness: Signer<'ml-dsa-44'>;
  readonly clock: Clock;
}

/** The validator's side of `issuance-policy/1`. */
export function issuanceHandlers({ state, time, validators, witness, clock }: IssuanceServiceComponents): Handlers<IssuancePolicyMethods> {
  return {
    async decide({ question: encoded }) {
      const question = decodeQuestion(encoded);
      const { meshId } = readParameters(state());
      if (Buffer.compare(meshId, question.meshId) !== 0) throw hypermeshError('hypermesh.transaction_mesh');
      const fresh = Math.abs(clock.now() - question.askedAt) <= QUESTION_AGE_MS_MAX;
      const verdict = fresh ? judgeIssuance({ state: state(), time: time(), validators }, question) : refused('question_stale');
      return signVerdict(question, verdict, witness);
    },
  };
}

const APPROVED: IssuanceVerdict = { decision: 'approved', code: 'ok' };

function refused(code: string): IssuanceVerdict {
  return { decision: 'refused', code };
}
