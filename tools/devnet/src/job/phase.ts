import { encodeOperation, MESH_MACHINE, queryMesh } from '@hypermesh/mesh/client';
import { waitUntil } from './wait.ts';
import type { User } from './user.ts';

// Validators sign the policy at once; the log covers it with its next checkpoint, and every member then fetches its own.
const WITNESSED_MS_MAX = 60_000;

/**
 * Takes the mesh from bootstrap to connected: from then on certificates need the verdict of a quorum of validators, and
 * checkpoints their cosignatures. Resolves when this user's certificate is cosigned.
 */
export async function connectMesh({ mesh, account, member }: User, signal: AbortSignal): Promise<void> {
  const { phase } = await queryMesh(mesh, 'phase', 0, { signal });
  if (phase === 0) await mesh.transact(account, MESH_MACHINE, [encodeOperation({ kind: 'phase.advance', to: 1 })], { signal });
  await waitUntil('the witnesses to sign', WITNESSED_MS_MAX, signal, async () => {
    await member.following.renewer.refresh({ signal });
    return member.trust.policy().version >= 1;
  });
}
