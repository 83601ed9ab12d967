import { join } from 'node:path';
import { homeOf, type LocalMesh, type User, VALIDATORS } from '@hypermesh/devnet';
import { type LocalIdentity, systemEntropy } from '@hypermesh/stoq';
import { createRawKeyIdentity, createSetEntryIdentity, openKeystore, readPassphrase } from '@hypermesh/trustchain';
import { loadMemberKeys } from '@hypermesh/trustchain/client';

/** As whom the mesh is attacked. */
export interface Attackers {
  /** Keys of nobody. */
  readonly 'raw-key': LocalIdentity;
  /** A user with a certificate. */
  readonly bundle: LocalIdentity;
  /** A validator: the keys of the last one, which runs meanwhile. */
  readonly 'set-entry': LocalIdentity;
}

export async function openAttackers(mesh: LocalMesh, { crypto, member }: User): Promise<Attackers> {
  const [classical, postQuantum] = await Promise.all([crypto.generateKeyPair('ed25519'), crypto.generateKeyPair('falcon1024')]);
  const name = VALIDATORS.at(-1) as string;
  const home = homeOf(mesh.directory, name);
  const passphrase = await readPassphrase(join(home, 'passphrase'));
  const keystore = await openKeystore(join(home, 'keystore'), passphrase, { entropy: systemEntropy, now: Date.now });
  return {
    'raw-key': createRawKeyIdentity(member.meshId, crypto.createHybridSigner(classical, postQuantum)),
    bundle: member.identities().find(({ kind }) => kind === 'bundle') as LocalIdentity,
    'set-entry': createSetEntryIdentity({ meshId: member.meshId, name }, loadMemberKeys(keystore, crypto).signer),
  };
}
