import { chmod, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Crypto, type Entropy, wipe } from '@hypermesh/stoq';
import { createKeystore, IDENTITY_KEY, KEM_KEY } from '@hypermesh/trustchain';

const PASSPHRASE_BYTES = 32;

export interface HomeComponents {
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  readonly now: () => number;
}

/**
 * Makes the home of a newcomer: fresh keys under a passphrase of their own, and the join token. A home that is there is
 * used as it is, so that a login that was cut off goes on with the keys that the token was spent on.
 */
export async function prepareHome(directory: string, token: string, components: HomeComponents): Promise<void> {
  if (await exists(directory)) return;
  const fresh = `${directory}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true, mode: 0o700 });
  await chmod(fresh, 0o700);
  const secret = components.entropy.bytes(PASSPHRASE_BYTES);
  const passphrase = Buffer.from(secret).toString('base64url');
  wipe(secret);
  await writeFile(join(fresh, 'passphrase'), `${passphrase}\n`, { mode: 0o600 });
  await writeFile(join(fresh, 'token'), `${token.trim()}\n`, { mode: 0o600 });
  await storeKeys(join(fresh, 'keystore'), passphrase, components);
  await rename(fresh, directory);
}

async function storeKeys(path: string, passphrase: string, { crypto, entropy, now }: HomeComponents): Promise<void> {
  const keystore = await createKeystore(path, Buffer.from(passphrase), { entropy, now });
  try {
    const algorithms = { [IDENTITY_KEY.classical]: 'ed25519', [IDENTITY_KEY.postQuantum]: 'falcon1024', [KEM_KEY]: 'ml-kem-1024' } as const;
    for (const [name, algorithm] of Object.entries(algorithms)) {
      const pair = await crypto.generateKeyPair(algorithm);
      await keystore.put(name, pair);
      wipe(pair.secretKey.bytes);
    }
  } finally {
    keystore.close();
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
