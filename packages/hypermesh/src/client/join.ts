import { MESH_MACHINE } from '../mesh-machine/accounts.ts';
import { encodeOperation } from '../mesh-machine/operation.ts';
import type { MeshAccount, MeshClient } from './mesh-client.ts';
import { queryMesh } from './mesh-query.ts';

export interface JoinRequest {
  /** Encoded certificate bundle of the account. */
  readonly bundle: Uint8Array;
  /** The name to take in the mesh; null leaves it to the certificate. */
  readonly name: string | null;
  /** Hash of an ordered invitation's secret; null where the certificate alone decides. */
  readonly token: Uint8Array | null;
  readonly addresses: readonly string[];
}

/** Makes the account a member, so that it may order transactions; nothing happens when it is one. */
export async function joinMesh(
  client: MeshClient,
  account: MeshAccount,
  request: JoinRequest,
  options: { readonly signal: AbortSignal },
): Promise<void> {
  if ((await queryMesh(client, 'member', account.owner, options)) !== null) return;
  const operation = encodeOperation({ kind: 'member.join', ...request });
  await client.transact(account, MESH_MACHINE, [operation], { ...options, key: account.signer.publicKey });
}
