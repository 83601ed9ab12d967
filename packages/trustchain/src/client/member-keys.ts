import type { Crypto, HybridSigner, KeyPair } from '@hypermesh/stoq';
import type { SigningPair } from '../certificate/issuance.ts';
import { hybridSigner } from '../config.ts';
import { trustError } from '../errors.ts';
import { IDENTITY_KEY, KEM_KEY } from '../init/key-plan.ts';
import { type Keystore, loadSigningPair } from '../keys/keystore.ts';

/** All keys that a certificate names. */
export interface MemberKeys {
  readonly pair: SigningPair;
  readonly signer: HybridSigner;
  readonly kem: KeyPair<'ml-kem-1024'>;
}

/** The identity of a node, service or user as `createMesh` names its keys. Throws `trustchain.key_unknown`. */
export function loadMemberKeys(keystore: Keystore, crypto: Crypto): MemberKeys {
  const pair = loadSigningPair(keystore, IDENTITY_KEY, crypto);
  const kem = keystore.get(KEM_KEY);
  if (kem.publicKey.algorithm !== 'ml-kem-1024') throw trustError('trustchain.key_unknown', { name: KEM_KEY, expected: 'ml-kem-1024' });
  return { pair, signer: hybridSigner(pair), kem: kem as KeyPair<'ml-kem-1024'> };
}
