import type { Clock } from '@hypermesh/stoq';
import { RENEW_EXPIRED_MS_MAX } from '../constants.ts';
import type { NameHolder } from '../enrolment/name-policy.ts';
import type { RevocationView } from '../revocation/revocation.ts';
import type { Register } from './register.ts';

export interface NameHolderComponents {
  readonly register: Pick<Register, 'byName'>;
  readonly revocations: Pick<RevocationView, 'find'>;
  readonly clock: Clock;
}

/** A name is its node's until the certificate can no longer be renewed, or is revoked: a node that lost its keys comes back with new ones. */
export function createNameHolder({ register, revocations, clock }: NameHolderComponents): NameHolder {
  return async (name) => {
    const last = await register.byName(name);
    if (last === null || last.notAfter + RENEW_EXPIRED_MS_MAX < clock.now() || revocations.find(last.serial) !== null) return null;
    return Buffer.from(last.nodeId).toString('hex');
  };
}
