import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entropy } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import { decodeGenesis, type Genesis } from '../genesis/genesis.ts';
import { type JoinToken, parseJoinToken } from '../enrolment/join-token.ts';
import { type Keystore, openKeystore, readPassphrase } from '../keys/keystore.ts';

/**
 * The folder of one member: `genesis.bin`, `keystore`, `passphrase` and `token` as `createMesh` or a first contact has left
 * them; what the member learns later goes into `data/`.
 */
export interface MemberHome {
  readonly directory: string;
  readonly genesis: Genesis;
  /** Null where a certificate came without one, or the file was removed after enrolment. */
  readonly token: JoinToken | null;
  readonly bundlePath: string;
  readonly policyPath: string;
  readonly revocationPath: string;
  /** For the daemon itself. */
  readonly dataDirectory: string;
}

export const GENESIS_FILE: string = 'genesis.bin';
export const KEYSTORE_FILE: string = 'keystore';
export const PASSPHRASE_FILE: string = 'passphrase';
export const TOKEN_FILE: string = 'token';

/** Throws `trustchain.home_missing`, `trustchain.genesis_malformed`, `trustchain.token_invalid`. */
export async function openHome(directory: string): Promise<MemberHome> {
  const encoded = await readFile(join(directory, GENESIS_FILE)).catch((cause: unknown) => {
    throw trustError('trustchain.home_missing', { directory }, { cause });
  });
  const token = await readFile(join(directory, TOKEN_FILE), 'utf8').catch(() => null);
  const dataDirectory = join(directory, 'data');
  const membership = join(dataDirectory, 'membership');
  await mkdir(membership, { recursive: true, mode: 0o700 });
  return {
    directory,
    genesis: decodeGenesis(Uint8Array.from(encoded)),
    token: token === null ? null : parseJoinToken(token),
    bundlePath: join(membership, 'bundle'),
    policyPath: join(membership, 'policy'),
    revocationPath: join(membership, 'revocations'),
    dataDirectory,
  };
}

/** Opens the keystore of a home with the passphrase beside it, or in the file that is named. */
export async function openHomeKeystore(
  directory: string,
  components: { readonly entropy: Entropy; readonly now: () => number },
  passphraseFile: string = join(directory, PASSPHRASE_FILE),
): Promise<Keystore> {
  return openKeystore(join(directory, KEYSTORE_FILE), await readPassphrase(passphraseFile), components);
}
