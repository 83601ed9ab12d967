import { join } from 'node:path';
import { createMeshClient, joinMesh, type MeshAccount, type MeshClient, validatorTargets } from '@hypermesh/mesh/client';
import { createCrypto, type Crypto, systemClock, systemEntropy } from '@hypermesh/stoq';
import { type Member, openMember } from '@hypermesh/trustchain/client';

/** A person at work: keys and certificate of a home, and the mesh as that person sees it. */
export interface User extends AsyncDisposable {
  readonly member: Member;
  readonly crypto: Crypto;
  readonly mesh: MeshClient;
  readonly account: MeshAccount;
}

export interface UserOptions {
  readonly name: string;
  readonly signal: AbortSignal;
  readonly onProblem: (error: unknown) => void;
}

/** Enrols and joins where that is due, and is ready to order transactions. */
export async function openUser(home: string, { name, signal, onProblem }: UserOptions): Promise<User> {
  await using opening = new AsyncDisposableStack();
  const crypto = await createCrypto();
  opening.defer(() => crypto.close());
  const member = await openMember(
    { home, listen: [] },
    { crypto, clock: systemClock, entropy: systemEntropy, onError: onProblem },
    { signal },
  );
  const { host, following, genesis, nodeId, keys } = member;
  await host.start();
  opening.defer(() => host.stop({ graceMs: 0 }));
  await following.start();
  opening.defer(() => following.stop());
  await member.ready(signal);
  const mesh = createMeshClient({ host, crypto, clock: systemClock }, { genesis, targets: validatorTargets(genesis, 'bundle') });
  const account = { owner: nodeId, signer: keys.signer };
  await joinMesh(mesh, account, { bundle: member.bundle(), name, token: null, addresses: [] }, { signal });
  const stack = opening.move();
  return { member, crypto, mesh, account, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** The app document beside a package's sources. */
export function appFileOf(example: string): string {
  return join(example, 'app.yaml');
}
