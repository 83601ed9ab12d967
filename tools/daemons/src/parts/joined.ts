import { createMeshClient, joinMesh, type MeshAccount, validatorTargets } from '@hypermesh/mesh/client';
import { type Crypto, systemClock } from '@hypermesh/stoq';
import type { Logger, Startable } from '@hypermesh/stoq/host';
import type { Member } from '@hypermesh/trustchain/client';

// Validators may be forming at that time, and an answer may take a view change.
const RETRY_MS = 2_000;
const JOIN_MS_MAX = 30_000;

/**
 * Makes a daemon that orders nothing a member of the mesh all the same: validators approve the renewal of members only. It
 * joins in the background, so that the daemon serves while no quorum answers.
 */
export function joinedMember(member: Member, crypto: Crypto, name: string, logger: Logger): Startable {
  const { host, genesis, nodeId, keys } = member;
  const account: MeshAccount = { owner: nodeId, signer: keys.signer };
  const client = createMeshClient({ host, crypto, clock: systemClock }, { genesis, targets: validatorTargets(genesis, 'bundle') });
  const stopped = new AbortController();
  let cancel: () => void = () => undefined;
  let joining: Promise<void> = Promise.resolve();

  const join = async (): Promise<void> => {
    try {
      const request = { bundle: member.bundle(), name, token: null, addresses: host.addresses() };
      await joinMesh(client, account, request, { signal: AbortSignal.any([stopped.signal, AbortSignal.timeout(JOIN_MS_MAX)]) });
    } catch (error) {
      if (stopped.signal.aborted) return;
      logger.warn({ err: error }, 'not a member of the mesh yet; trying again');
      cancel = systemClock.after(RETRY_MS, () => {
        joining = join();
      });
    }
  };

  return {
    async start() {
      joining = join();
    },
    async stop() {
      stopped.abort();
      cancel();
      await joining;
    },
  };
}
