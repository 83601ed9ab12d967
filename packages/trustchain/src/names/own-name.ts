import { type Clock, hasCode, parseAddress, type PeerIdentity } from '@hypermesh/stoq';
import type { ServiceEntry } from '../genesis/genesis.ts';
import { nodeIdOf, nodeNameOf } from '../genesis/ids.ts';
import { TRUSTCHAIND_NAME } from '../genesis/validation.ts';
import { ZONE } from '../init/plan.ts';
import type { Zone } from './zone.ts';

/** Where members find TrustChain: no certificate carries it. */
export const OWN_NAME: string = `trust.${ZONE}`;
const OWN_TTL_SECONDS = 300;

/** `trust.mesh`, under the literal addresses of genesis. */
export async function publishOwnName(zone: Zone, { sessionKey, addresses }: ServiceEntry, clock: Clock): Promise<void> {
  const id = nodeIdOf(sessionKey.postQuantum);
  const records = addresses.filter(isLiteral).map((address) => `${nodeNameOf(id)} ${address}`);
  const self: PeerIdentity = {
    kind: 'set-entry',
    id,
    key: sessionKey,
    roles: ['service'],
    names: [TRUSTCHAIND_NAME],
    notAfter: null,
    revocationIds: [],
    restricted: false,
  };
  await zone.publish({ name: OWN_NAME, type: 'STOQ', ttlSeconds: OWN_TTL_SECONDS, records, version: clock.now() }, self);
}

function isLiteral(address: string): boolean {
  try {
    parseAddress(address);
    return true;
  } catch (error) {
    if (!hasCode(error, 'stoq.carrier_address')) throw error;
    return false;
  }
}
