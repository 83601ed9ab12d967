import type { Role } from '@hypermesh/stoq';
import type { CertificateRequest } from '../certificate/request.ts';
import { trustError } from '../errors.ts';
import { OWN_NAME } from '../names/own-name.ts';

/** What an identity may have in its certificate: given by its invitation, or by the certificate that it renews. */
export interface Grant {
  readonly roles: readonly Role[];
  readonly names: readonly string[];
}

/** The node that holds a name by an earlier certificate, as lower-case hex of its id; null for nobody. */
export type NameHolder = (name: string) => Promise<string | null>;

/**
 * Roles and names of the request must be granted; DNS names must lie in the zone and belong to nobody else, nor to TrustChain.
 * Throws `trustchain.enrolment_refused`, `trustchain.name_refused` or `trustchain.name_taken`.
 */
export async function assertGranted(request: CertificateRequest, grant: Grant, zone: string, holderOf: NameHolder): Promise<void> {
  const { roles, nodeId } = request.identity;
  if (roles.length === 0) throw trustError('trustchain.enrolment_refused', { reason: 'no role' });
  const role = roles.find((candidate) => !grant.roles.includes(candidate));
  if (role !== undefined) throw trustError('trustchain.enrolment_refused', { reason: 'role not granted', role });
  const self = Buffer.from(nodeId).toString('hex');
  for (const name of request.alternativeNames.names) {
    if (!grant.names.includes(name)) throw trustError('trustchain.name_refused', { name, reason: 'not granted' });
    if (!name.includes(':') && !isInZone(name, zone))
      throw trustError('trustchain.name_refused', { name, reason: 'outside the zone', zone });
    if (name === OWN_NAME) throw trustError('trustchain.name_refused', { name, reason: 'reserved' });
    const holder = await holderOf(name);
    if (holder !== null && holder !== self) throw trustError('trustchain.name_taken', { name });
  }
}

/** Whether a DNS name lies below the zone, e.g. `node-1.mesh` in `mesh`. */
export function isInZone(name: string, zone: string): boolean {
  return name.endsWith(`.${zone}`) && name.length > zone.length + 1;
}
