import { caesarContract } from '@hypermesh/caesar/client';
import { catalogContract } from '@hypermesh/catalog';
import { encodeOperation, MESH_MACHINE, meshContract, queryMesh, validatorTargets } from '@hypermesh/mesh/client';
import { blobContract, HASH_BYTES } from '@hypermesh/stoq';
import { waitUntil } from './wait.ts';
import type { User } from './user.ts';

// Validators sign the policy at once; the log covers it with its next checkpoint, and every member then fetches its own.
const WITNESSED_MS_MAX = 60_000;

/**
 * Takes the mesh from bootstrap to connected: from then on certificates need the verdict of a quorum of validators, and
 * checkpoints their cosignatures. Resolves when the certificates of this user and of all daemons are cosigned: until then
 * this user refuses the one that is not.
 */
export async function connectMesh(user: User, signal: AbortSignal): Promise<void> {
  const { mesh, account, member } = user;
  const { phase } = await queryMesh(mesh, 'phase', 0, { signal });
  if (phase === 0) await mesh.transact(account, MESH_MACHINE, [encodeOperation({ kind: 'phase.advance', to: 1 })], { signal });
  await waitUntil('the witnesses to sign', WITNESSED_MS_MAX, signal, async () => {
    await member.following.renewer.refresh({ signal });
    return member.trust.policy().version >= 1;
  });
  await waitUntil('every daemon to show a cosigned certificate', WITNESSED_MS_MAX, signal, async () => {
    await callEach(user, signal);
    return true;
  });
}

/** Calls every daemon once. Sessions from before this user's own certificate was cosigned are not used again. */
async function callEach({ member }: User, signal: AbortSignal): Promise<void> {
  const { host, genesis } = member;
  const options = { signal };
  await Promise.all([
    ...validatorTargets(genesis, 'bundle').map((target) => host.connect(meshContract, target).status({}, options)),
    member.find('catalog', options).then((target) => host.connect(catalogContract, target).list({ name: '' }, options)),
    member.find('caesar', options).then((target) => host.connect(caesarContract, target).lastPeriod({}, options)),
    member
      .find('stoqd', options)
      .then((target) => host.connect(blobContract, target).stat({ digest: new Uint8Array(HASH_BYTES) }, options)),
  ]);
}
