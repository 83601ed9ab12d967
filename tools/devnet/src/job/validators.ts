import { type MeshStatus, meshContract } from '@hypermesh/mesh/client';
import { validatorTargets } from '@hypermesh/mesh/client';
import type { User } from './user.ts';
import { waitUntil } from './wait.ts';

export interface ValidatorReport {
  readonly id: string;
  readonly height: number;
  /** Root of roots, lower-case hex. */
  readonly stateRoot: string;
}

// A block every second or two: the four are at one height most of the time.
const COMMON_MS_MAX = 60_000;

/** Height and root of every validator, all at one common height. */
export function validatorsAtOneHeight({ member }: User, signal: AbortSignal): Promise<readonly ValidatorReport[]> {
  const { host, genesis } = member;
  const clients = validatorTargets(genesis, 'bundle').map((target) => host.connect(meshContract, target));
  return waitUntil('all validators at one height', COMMON_MS_MAX, signal, async () => {
    const statuses = await Promise.all(clients.map((client) => client.status({}, { signal })));
    const heights = new Set(statuses.map(({ executedHeight }) => executedHeight));
    return heights.size === 1 ? statuses.map(reportOf) : false;
  });
}

function reportOf({ name, executedHeight, root }: MeshStatus): ValidatorReport {
  return { id: name, height: executedHeight, stateRoot: Buffer.from(root).toString('hex') };
}
