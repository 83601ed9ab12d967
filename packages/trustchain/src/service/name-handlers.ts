import type { Handlers } from '@hypermesh/stoq';
import type { TrustchainMethods } from '../api.ts';
import type { Zone } from '../names/zone.ts';

export function createNameHandlers(zone: Zone): Handlers<Pick<TrustchainMethods, 'names.resolve' | 'names.publish'>> {
  return {
    'names.resolve': async (question) => ({ answer: await zone.resolve(question) }),
    'names.publish': async (publication, { peer }) => ({ version: await zone.publish(publication, peer) }),
  };
}
