import { argon2 } from 'node:crypto';
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  ALGORITHMS,
  bytes,
  bytesUpTo,
  type Codec,
  decode,
  encode,
  type Entropy,
  equalBytes,
  hashLabelled,
  type KeyPair,
  labelled,
  list,
  openAead,
  publicKeyCodec,
  sealAead,
  struct,
  text,
  uint,
  wipe,
} from '@hypermesh/stoq';
import { trustError } from '../errors.ts';

/** One key of one generation. */
export interface StoredKey {
  readonly name: string;
  readonly generation: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly pair: KeyPair;
}

/** What opens a keystore file, derived once from the passphrase. */
export interface FileKey {
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
}

// RFC 9106, section 4, second choice, with the three passes that make up for 64 MiB.
const ARGON2_MEMORY_KIB = 64 * 1024;
const ARGON2_PASSES = 3;
const ARGON2_LANES = 1;
const SALT_BYTES = 16;
const CHECKSUM_BYTES = 32;
// A daemon holds about ten keys, each with a few generations.
export const KEY_COUNT_MAX: number = 256;
export const KEY_NAME_CHARS_MAX: number = 64;
const SECRET_BYTES_MAX: number = Math.max(...Object.values(ALGORITHMS).map((spec) => spec.secretKeyBytes));
// 256 keys of less than 5 KiB.
export const KEYSTORE_BYTES_MAX: number = 2 * 1024 * 1024;
const FORMAT = 'hypermesh/keystore/1';

const headerCodec = struct({
  format: text(FORMAT.length),
  memoryKib: uint(),
  passes: uint(),
  lanes: uint(),
  salt: bytes(SALT_BYTES),
  nonce: bytes(AEAD_NONCE_BYTES),
});
const fileCodec = struct({ header: headerCodec, sealed: bytesUpTo(KEYSTORE_BYTES_MAX), checksum: bytes(CHECKSUM_BYTES) });
type Header = typeof headerCodec extends Codec<infer T> ? T : never;

const keysCodec = list(
  struct({
    name: text(KEY_NAME_CHARS_MAX),
    generation: uint(),
    createdAt: uint(),
    publicKey: publicKeyCodec,
    secret: bytesUpTo(SECRET_BYTES_MAX),
  }),
  KEY_COUNT_MAX,
);

/** Derives the key of a new file. */
export async function newFileKey(passphrase: Uint8Array, entropy: Entropy): Promise<FileKey> {
  const salt = entropy.bytes(SALT_BYTES);
  return { key: await derive(passphrase, salt), salt };
}

/** The whole file: header, keys sealed under AES-256-GCM with a fresh nonce, checksum. */
export function sealKeys(keys: readonly StoredKey[], { key, salt }: FileKey, entropy: Entropy): Uint8Array {
  const nonce = entropy.bytes(AEAD_NONCE_BYTES);
  const header: Header = { format: FORMAT, memoryKib: ARGON2_MEMORY_KIB, passes: ARGON2_PASSES, lanes: ARGON2_LANES, salt, nonce };
  const plaintext = encode(
    keysCodec,
    keys.map(({ pair, ...rest }) => ({ ...rest, publicKey: pair.publicKey, secret: pair.secretKey.bytes })),
  );
  try {
    const sealed = sealAead({ key, nonce, plaintext, associatedData: associatedData(header) });
    return encode(fileCodec, { header, sealed, checksum: checksumOf(header, sealed) });
  } finally {
    wipe(plaintext);
  }
}

/**
 * Throws `trustchain.keystore_corrupt` for damage, which the checksum tells from a wrong passphrase
 * (`trustchain.keystore_locked`); an attacker's change with a matching checksum ends as the latter.
 */
export async function openKeys(file: Uint8Array, passphrase: Uint8Array): Promise<{ keys: StoredKey[]; fileKey: FileKey }> {
  const { header, sealed } = decodeFile(file);
  const key = await derive(passphrase, header.salt);
  const plaintext = openAead({ key, nonce: header.nonce, sealed, associatedData: associatedData(header) });
  if (plaintext === null) {
    wipe(key);
    throw trustError('trustchain.keystore_locked');
  }
  try {
    return { keys: decodeKeys(plaintext), fileKey: { key, salt: header.salt } };
  } finally {
    wipe(plaintext);
  }
}

function decodeFile(file: Uint8Array): { header: Header; sealed: Uint8Array } {
  let decoded: { header: Header; sealed: Uint8Array; checksum: Uint8Array };
  try {
    decoded = decode(fileCodec, file, KEYSTORE_BYTES_MAX);
  } catch (cause) {
    throw trustError('trustchain.keystore_corrupt', { reason: 'malformed' }, { cause });
  }
  const { header, sealed, checksum } = decoded;
  if (!equalBytes(checksum, checksumOf(header, sealed))) throw trustError('trustchain.keystore_corrupt', { reason: 'checksum' });
  const { format, memoryKib, passes, lanes } = header;
  // Other costs are refused, so that nobody can plant a file that is cheap to guess or dear to open.
  if (format !== FORMAT || memoryKib !== ARGON2_MEMORY_KIB || passes !== ARGON2_PASSES || lanes !== ARGON2_LANES) {
    throw trustError('trustchain.keystore_corrupt', { reason: 'unknown format' });
  }
  return { header, sealed };
}

function decodeKeys(plaintext: Uint8Array): StoredKey[] {
  return decode(keysCodec, plaintext, KEYSTORE_BYTES_MAX).map(({ publicKey, secret, ...rest }) => {
    const { algorithm } = publicKey;
    // A copy: the decoder's view dies with the plaintext.
    const pair: KeyPair = { publicKey, secretKey: { algorithm, bytes: Uint8Array.from(secret) } };
    wipe(secret);
    return { ...rest, pair };
  });
}

function associatedData(header: Header): Uint8Array {
  return labelled(FORMAT, encode(headerCodec, header));
}

function checksumOf(header: Header, sealed: Uint8Array): Uint8Array {
  return hashLabelled('hypermesh/keystore-checksum/1', Buffer.concat([encode(headerCodec, header), sealed]));
}

function derive(message: Uint8Array, nonce: Uint8Array): Promise<Uint8Array> {
  const parameters = {
    message,
    nonce,
    parallelism: ARGON2_LANES,
    tagLength: AEAD_KEY_BYTES,
    memory: ARGON2_MEMORY_KIB,
    passes: ARGON2_PASSES,
  };
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, key) => (error === null ? resolve(new Uint8Array(key)) : reject(error)));
  });
}
