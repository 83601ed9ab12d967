import type { User } from '@hypermesh/devnet';
import { createMeshClient, type MeshClient, validatorTargets } from '@hypermesh/mesh/client';
import { type PeerTarget, systemClock } from '@hypermesh/stoq';

/** A client of the validators of those names only. */
export function clientOf(user: User, isWanted: (name: string) => boolean): MeshClient {
  const { crypto, member } = user;
  const targets = targetsOf(user, isWanted);
  return createMeshClient({ host: member.host, crypto, clock: systemClock }, { genesis: member.genesis, targets });
}

export function targetsOf({ member: { genesis } }: User, isWanted: (name: string) => boolean): readonly PeerTarget[] {
  return validatorTargets(genesis, 'bundle').filter((_, index) => isWanted(genesis.validators[index]?.name ?? ''));
}
