import { sign as nativeSign, verify as nativeVerify, type KeyObject } from 'node:crypto';
import { ENCODED_BYTES_MAX } from '../codec/codec.ts';
import { stoqError } from '../errors.ts';
import { ALGORITHMS, type KemAlgorithm, type SignatureAlgorithm } from './algorithms.ts';
import { equalBytes, wipe } from './bytes.ts';
import { type Entropy, systemEntropy } from './entropy.ts';
import { createFalcon, type Falcon } from './falcon.ts';
import type { Crypto, HybridSigner, KeyPair, PublicKey, Signature, Signer } from './keys.ts';
import { exportPublicKey, importPublicKey, importSecretKey, seededKeyPair } from './native-keys.ts';

// The largest encoded object and its label. FALCON's WASM memory grows with the message and never shrinks.
export const SIGNED_BYTES_MAX: number = ENCODED_BYTES_MAX + 256;
// Parsing a key takes a fifth of an Ed25519 verification; a mesh's validators and busy peers fit.
const PARSED_KEYS_MAX = 1024;

type NativeSignature = Exclude<SignatureAlgorithm, 'falcon1024'>;

export interface CryptoOptions {
  /** Source of key seeds; FALCON, ML-KEM encapsulation and signing draw from the system themselves. */
  readonly entropy?: Entropy;
  /** Threads that make FALCON signatures, started when first needed; by default one per core, at most four. */
  readonly signingThreads?: number;
}

/** Loads FALCON's verifier and answers with all signature algorithms of the registry. */
export async function createCrypto(options: CryptoOptions = {}): Promise<Crypto> {
  const falcon = await createFalcon(options.signingThreads);
  const entropy = options.entropy ?? systemEntropy;
  const parsed = createKeyCache();

  const verify: Crypto['verify'] = (key, message, signature) => {
    if (key.algorithm !== signature.algorithm || message.length > SIGNED_BYTES_MAX) return false;
    if (isFalcon(key)) return falcon.verify(key, message, signature.bytes);
    return verifyNative(parsed, key as PublicKey<NativeSignature>, message, signature.bytes);
  };

  const createSigner = <A extends SignatureAlgorithm>(pair: KeyPair<A>): Signer<A> =>
    limited(pair.publicKey.algorithm === 'falcon1024' ? falconSigner(falcon, pair) : nativeSigner(pair));

  return {
    verify,
    verifyHybrid: (key, message, signature) =>
      key.classical.algorithm === 'ed25519' &&
      key.postQuantum.algorithm === 'falcon1024' &&
      verify(key.classical, message, signature.classical) &&
      verify(key.postQuantum, message, signature.postQuantum),
    async generateKeyPair<A extends SignatureAlgorithm | KemAlgorithm>(algorithm: A): Promise<KeyPair<A>> {
      if (algorithm === 'falcon1024') return (await falcon.generateKeyPair()) as KeyPair as KeyPair<A>;
      const seed = entropy.bytes(ALGORITHMS[algorithm].secretKeyBytes);
      try {
        return seededKeyPair(algorithm, seed) as KeyPair as KeyPair<A>;
      } finally {
        wipe(seed);
      }
    },
    createSigner,
    createHybridSigner: (classical, postQuantum) => hybridSigner(createSigner(classical), createSigner(postQuantum)),
    close: () => falcon.close(),
  };
}

function isFalcon(key: PublicKey): key is PublicKey<'falcon1024'> {
  return key.algorithm === 'falcon1024';
}

function verifyNative(parsed: KeyCache, key: PublicKey<NativeSignature>, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== ALGORITHMS[key.algorithm].signatureBytesMax) return false;
  try {
    return nativeVerify(null, message, parsed(key), signature);
  } catch {
    return false;
  }
}

type KeyCache = (key: PublicKey<NativeSignature>) => KeyObject;

/** Parsed keys by content, the longest unused one leaving first. */
function createKeyCache(): KeyCache {
  const parsed = new Map<string, KeyObject>();
  return (key) => {
    const name = `${key.algorithm}:${Buffer.from(key.bytes.buffer, key.bytes.byteOffset, key.bytes.length).toString('latin1')}`;
    const known = parsed.get(name);
    if (known !== undefined) {
      parsed.delete(name);
      parsed.set(name, known);
      return known;
    }
    const fresh = importPublicKey(key);
    if (parsed.size >= PARSED_KEYS_MAX) parsed.delete(parsed.keys().next().value as string);
    parsed.set(name, fresh);
    return fresh;
  };
}

function falconSigner<A extends SignatureAlgorithm>(falcon: Falcon, pair: KeyPair<A>): Signer<A> {
  return falcon.createSigner(pair as KeyPair as KeyPair<'falcon1024'>) as Signer as Signer<A>;
}

function nativeSigner<A extends SignatureAlgorithm>(pair: KeyPair<A>): Signer<A> {
  const algorithm = pair.publicKey.algorithm;
  const secretKey = importSecretKey(pair.secretKey as KeyPair<NativeSignature>['secretKey']);
  const publicKey = { algorithm, bytes: exportPublicKey(algorithm as NativeSignature, secretKey) };
  if (!equalBytes(publicKey.bytes, pair.publicKey.bytes) || pair.secretKey.algorithm !== algorithm) {
    throw stoqError('stoq.key_malformed', { algorithm, reason: 'the public key is not that of the secret key' });
  }
  return {
    publicKey,
    sign: async (message) => ({ algorithm, bytes: await signNative(algorithm, message, secretKey) }),
  };
}

async function signNative(algorithm: SignatureAlgorithm, message: Uint8Array, key: KeyObject): Promise<Uint8Array> {
  if (algorithm === 'ed25519') return Uint8Array.from(nativeSign(null, message, key));
  // ML-DSA takes more than a millisecond: in the thread pool of the runtime.
  return new Promise((resolve, reject) => {
    nativeSign(null, message, key, (error, bytes) => (error === null ? resolve(Uint8Array.from(bytes)) : reject(error)));
  });
}

function limited<A extends SignatureAlgorithm>(signer: Signer<A>): Signer<A> {
  return {
    publicKey: signer.publicKey,
    async sign(message): Promise<Signature<A>> {
      if (message.length > SIGNED_BYTES_MAX) {
        throw stoqError('stoq.codec_limit', { bytes: message.length, bytesMax: SIGNED_BYTES_MAX });
      }
      return signer.sign(message);
    },
  };
}

function hybridSigner(classical: Signer<'ed25519'>, postQuantum: Signer<'falcon1024'>): HybridSigner {
  return {
    publicKey: { classical: classical.publicKey, postQuantum: postQuantum.publicKey },
    async sign(message) {
      const [first, second] = await Promise.all([classical.sign(message), postQuantum.sign(message)]);
      return { classical: first, postQuantum: second };
    },
  };
}
