import { type FileHandle, open } from 'node:fs/promises';
import { ALGORITHMS, createFile, type Crypto, type Entropy, type KeyPair, replaceFile, wipe } from '@hypermesh/stoq';
import type { SigningPair } from '../certificate/issuance.ts';
import { trustError } from '../errors.ts';
import { type FileKey, KEY_COUNT_MAX, KEYSTORE_BYTES_MAX, newFileKey, openKeys, sealKeys, type StoredKey } from './keystore-file.ts';

/**
 * A software keystore: key pairs in one encrypted file of mode 0600, by name and generation. It is the owner of its
 * file; one process holds it open.
 */
export interface Keystore {
  /** Names in the order of their first key. */
  names(): readonly string[];
  /** The number of the newest generation, from 1; 0 where there is no such key. */
  generationOf(name: string): number;
  /** A copy of the newest generation, or of the one asked for: wipe its secret after use. Throws `trustchain.key_unknown`. */
  get(name: string, generation?: number): KeyPair;
  /** Adds the next generation of the key and resolves once it is durable. The keystore copies the secret. */
  put(name: string, pair: KeyPair): Promise<number>;
  /** Deletes all generations but the newest. */
  prune(name: string): Promise<void>;
  /** Wipes every key in memory; later calls throw `trustchain.keystore_closed`. */
  close(): void;
}

export interface KeystoreComponents {
  readonly entropy: Entropy;
  readonly now: () => number;
}

// systemd and container credentials have a line feed at most; a longer file is not a passphrase.
const PASSPHRASE_BYTES_MAX = 1024;
const OTHERS = 0o077;
const NAME = /^[a-z0-9][a-z0-9./-]*$/;

/** A new, empty keystore. Wipes the passphrase. Throws `trustchain.keystore_exists`. */
export async function createKeystore(path: string, passphrase: Uint8Array, components: KeystoreComponents): Promise<Keystore> {
  const fileKey = await newFileKey(passphrase, components.entropy);
  wipe(passphrase);
  if (!(await createFile(path, sealKeys([], fileKey, components.entropy)))) {
    wipe(fileKey.key);
    throw trustError('trustchain.keystore_exists', { path });
  }
  return keystoreOf(path, [], fileKey, components);
}

/**
 * Opens an existing keystore. Wipes the passphrase. Throws `trustchain.keystore_missing`, `trustchain.keystore_exposed`,
 * `trustchain.keystore_corrupt`, `trustchain.keystore_locked`.
 */
export async function openKeystore(path: string, passphrase: Uint8Array, components: KeystoreComponents): Promise<Keystore> {
  try {
    const { keys, fileKey } = await openKeys(await readPrivateFile(path, KEYSTORE_BYTES_MAX), passphrase);
    return keystoreOf(path, keys, fileKey, components);
  } finally {
    wipe(passphrase);
  }
}

/** The bytes of a passphrase file of mode 0600 or stricter, without one final line feed. */
export async function readPassphrase(path: string): Promise<Uint8Array> {
  const bytes = await readPrivateFile(path, PASSPHRASE_BYTES_MAX);
  const passphrase = bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes;
  if (passphrase.length === 0) throw trustError('trustchain.keystore_locked', { path, reason: 'empty passphrase' });
  return passphrase;
}

/** Signers of a stored Ed25519 and FALCON key; the copies of the secrets are wiped. */
export function loadSigningPair(keystore: Keystore, names: { classical: string; postQuantum: string }, crypto: Crypto): SigningPair {
  const classical = keystore.get(names.classical);
  const postQuantum = keystore.get(names.postQuantum);
  try {
    return {
      classical: crypto.createSigner(ofAlgorithm(classical, 'ed25519')),
      postQuantum: crypto.createSigner(ofAlgorithm(postQuantum, 'falcon1024')),
    };
  } finally {
    wipe(classical.secretKey.bytes, postQuantum.secretKey.bytes);
  }
}

function keystoreOf(path: string, stored: StoredKey[], fileKey: FileKey, { entropy, now }: KeystoreComponents): Keystore {
  let keys: readonly StoredKey[] = stored;
  let closed = false;
  let lastWrite: Promise<unknown> = Promise.resolve();

  const generations = (name: string): StoredKey[] => {
    if (closed) throw trustError('trustchain.keystore_closed');
    return keys.filter((key) => key.name === name);
  };
  // One write at a time, each from the state that the one before it left; memory changes only after the disk.
  const commit = <T>(change: () => { updated: readonly StoredKey[]; result: T }): Promise<T> => {
    const write = lastWrite.then(async () => {
      if (closed) throw trustError('trustchain.keystore_closed');
      const { updated, result } = change();
      await replaceFile(path, sealKeys(updated, fileKey, entropy));
      for (const key of keys) if (!updated.includes(key)) wipe(key.pair.secretKey.bytes);
      keys = updated;
      return result;
    });
    lastWrite = write.catch(() => undefined);
    return write;
  };

  return {
    names: () => [...new Set(keys.map((key) => key.name))],
    generationOf: (name) => generations(name).at(-1)?.generation ?? 0,
    get(name, generation) {
      const found = generations(name).findLast((key) => generation === undefined || key.generation === generation);
      if (found === undefined) throw trustError('trustchain.key_unknown', { name, generation });
      const { publicKey, secretKey } = found.pair;
      return { publicKey, secretKey: { algorithm: secretKey.algorithm, bytes: Uint8Array.from(secretKey.bytes) } };
    },
    put: (name, pair) =>
      commit(() => {
        assertStorable(name, pair, keys.length);
        const generation = (generations(name).at(-1)?.generation ?? 0) + 1;
        const { algorithm, bytes } = pair.secretKey;
        const copy: KeyPair = { publicKey: pair.publicKey, secretKey: { algorithm, bytes: Uint8Array.from(bytes) } };
        return { updated: [...keys, { name, generation, createdAt: now(), pair: copy }], result: generation };
      }),
    prune: (name) =>
      commit(() => {
        const newest = generations(name).at(-1);
        return { updated: keys.filter((key) => key.name !== name || key === newest), result: undefined };
      }),
    close() {
      closed = true;
      wipe(fileKey.key, ...keys.map((key) => key.pair.secretKey.bytes));
      keys = [];
    },
  };
}

function assertStorable(name: string, { publicKey, secretKey }: KeyPair, count: number): void {
  if (!NAME.test(name)) throw trustError('trustchain.config_invalid', { reason: 'key name', name });
  const { secretKeyBytes } = ALGORITHMS[publicKey.algorithm];
  if (secretKey.algorithm !== publicKey.algorithm || secretKey.bytes.length !== secretKeyBytes) {
    throw trustError('trustchain.config_invalid', { reason: 'the halves of the key pair do not match', name });
  }
  if (count >= KEY_COUNT_MAX) throw trustError('trustchain.config_invalid', { reason: 'keystore full', countMax: KEY_COUNT_MAX });
}

function ofAlgorithm<A extends 'ed25519' | 'falcon1024'>(pair: KeyPair, algorithm: A): KeyPair<A> {
  if (pair.publicKey.algorithm !== algorithm) {
    throw trustError('trustchain.key_unknown', { expected: algorithm, found: pair.publicKey.algorithm });
  }
  return pair as KeyPair<A>;
}

async function readPrivateFile(path: string, bytesMax: number): Promise<Uint8Array> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    throw trustError('trustchain.keystore_missing', { path }, { cause });
  }
  try {
    const { mode, size } = await handle.stat();
    if ((mode & OTHERS) !== 0) throw trustError('trustchain.keystore_exposed', { path, mode: (mode & 0o777).toString(8) });
    if (size > bytesMax) throw trustError('trustchain.keystore_corrupt', { path, bytes: size, bytesMax });
    return new Uint8Array(await handle.readFile());
  } finally {
    await handle.close();
  }
}
