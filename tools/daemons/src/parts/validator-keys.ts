import { join } from 'node:path';
import { type Crypto, type KeyPair, type Signer, systemClock, systemEntropy } from '@hypermesh/stoq';
import { openKeystore, readPassphrase, VOTE_KEY, WITNESS_KEY } from '@hypermesh/trustchain';
import type { MemberDaemonConfig } from './member-config.ts';

/** The vote and witness signers of a validator; the secrets stay inside them. */
export async function loadValidatorKeys(
  { home, passphraseFile }: MemberDaemonConfig,
  crypto: Crypto,
): Promise<{ readonly voteSigner: Signer; readonly witness: Signer<'ml-dsa-44'> }> {
  const passphrase = await readPassphrase(passphraseFile ?? join(home, 'passphrase'));
  const keystore = await openKeystore(join(home, 'keystore'), passphrase, { entropy: systemEntropy, now: () => systemClock.now() });
  try {
    return {
      voteSigner: crypto.createSigner(keystore.get(VOTE_KEY) as KeyPair<'falcon1024'>),
      witness: crypto.createSigner(keystore.get(WITNESS_KEY) as KeyPair<'ml-dsa-44'>),
    };
  } finally {
    keystore.close();
  }
}
