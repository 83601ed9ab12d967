import type { IdentityKind, PeerTarget } from '@hypermesh/stoq';
import type { Genesis } from '@hypermesh/trustchain';

/** The validators of genesis as servers of `mesh/1`; they prove themselves by their session pairs, with no certificate needed. */
export function validatorTargets({ validators }: Genesis, as: IdentityKind): PeerTarget[] {
  return validators.map(({ addresses, nodeId }) => ({ addresses, id: nodeId, expect: 'set-entry', as }));
}
