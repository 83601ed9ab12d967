import { randomBytes } from 'node:crypto';
import { ml_dsa44, ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { falcon1024, falcon1024padded } from '@noble/post-quantum/falcon.js';
import { createFalcon1024 } from '@oqs/liboqs-js/sig';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ALGORITHMS,
  createCrypto,
  type Crypto,
  hasCode,
  type KeyPair,
  type PublicKey,
  seededKeyPair,
  type Signature,
  type SignatureAlgorithm,
  SIGNED_BYTES_MAX,
} from '../../src/index.ts';

const SIGNATURE_ALGORITHMS: readonly SignatureAlgorithm[] = ['ed25519', 'falcon1024', 'ml-dsa-44', 'ml-dsa-65'];
const message = Uint8Array.from(randomBytes(200));

let crypto: Crypto;
const pairs = new Map<SignatureAlgorithm, KeyPair<SignatureAlgorithm>>();
const pairOf = <A extends SignatureAlgorithm>(algorithm: A): KeyPair<A> => pairs.get(algorithm) as KeyPair as KeyPair<A>;

beforeAll(async () => {
  crypto = await createCrypto({ signingThreads: 1 });
  for (const algorithm of SIGNATURE_ALGORITHMS) pairs.set(algorithm, await crypto.generateKeyPair(algorithm));
});

afterAll(() => crypto.close());

describe.each(SIGNATURE_ALGORITHMS)('%s', (algorithm) => {
  const spec = ALGORITHMS[algorithm];
  let signature: Signature;
  const verify = (changes: { message?: Uint8Array; signature?: Uint8Array; key?: Uint8Array }): boolean =>
    crypto.verify({ algorithm, bytes: changes.key ?? pairOf(algorithm).publicKey.bytes }, changes.message ?? message, {
      algorithm,
      bytes: changes.signature ?? signature.bytes,
    });

  beforeAll(async () => {
    signature = await crypto.createSigner(pairOf(algorithm)).sign(message);
  });

  test('keys have the registered lengths and signatures verify', () => {
    expect(pairOf(algorithm).publicKey.bytes).toHaveLength(spec.publicKeyBytes);
    expect(pairOf(algorithm).secretKey.bytes).toHaveLength(spec.secretKeyBytes);
    expect(signature.bytes.length).toBeLessThanOrEqual(spec.signatureBytesMax);
    expect(signature.bytes.constructor).toBe(Uint8Array);
    expect(verify({})).toBe(true);
  });

  test('accepts Buffers and an empty message', async () => {
    const empty = new Uint8Array();
    const overEmpty = await crypto.createSigner(pairOf(algorithm)).sign(empty);
    expect(verify({ message: empty, signature: Buffer.from(overEmpty.bytes) })).toBe(true);
    expect(verify({ message: Buffer.from(message), key: Buffer.from(pairOf(algorithm).publicKey.bytes) })).toBe(true);
  });

  test.each([0, 1, 45, -1])('refuses a bit flipped at signature byte %i', (at) => {
    expect(verify({ signature: flipped(signature.bytes, at) })).toBe(false);
  });

  test('refuses another message or key', () => {
    expect(verify({ message: flipped(message, 3) })).toBe(false);
    expect(verify({ key: flipped(pairOf(algorithm).publicKey.bytes, 20) })).toBe(false);
  });

  test.each([
    ['empty', () => new Uint8Array()],
    ['shorter by one', () => signature.bytes.subarray(0, -1)],
    ['longer by a zero', () => Uint8Array.from([...signature.bytes, 0])],
    ['above the maximum', () => new Uint8Array(spec.signatureBytesMax + 1).fill(0x3a)],
  ])('refuses a signature that is %s', (_, make) => {
    expect(verify({ signature: make() })).toBe(false);
  });

  test.each([0, 1, spec.publicKeyBytes - 1, spec.publicKeyBytes + 1])('refuses a public key of %i bytes', (length) => {
    expect(verify({ key: new Uint8Array(length) })).toBe(false);
  });

  test('refuses a signature said to be of another algorithm', () => {
    const other = algorithm === 'ed25519' ? 'ml-dsa-44' : 'ed25519';
    expect(crypto.verify(pairOf(algorithm).publicKey, message, { algorithm: other, bytes: signature.bytes })).toBe(false);
  });

  test('a signer refuses secrets of a wrong length', () => {
    const { publicKey } = pairOf(algorithm);
    const pair = { publicKey, secretKey: { algorithm, bytes: new Uint8Array(spec.secretKeyBytes - 1) } };
    expect(() => crypto.createSigner(pair)).toThrowError(expect.objectContaining({ code: 'stoq.key_malformed' }));
  });

  test('no signature leaves a signer whose halves do not match', async () => {
    const publicKey = { algorithm, bytes: flipped(pairOf(algorithm).publicKey.bytes, 20) };
    const attempt = async (): Promise<Signature> =>
      crypto.createSigner({ publicKey, secretKey: pairOf(algorithm).secretKey }).sign(message);
    await expect(attempt()).rejects.toMatchObject({ code: 'stoq.key_malformed' });
  });

  test('refuses messages above the limit on both sides', async () => {
    const long = new Uint8Array(SIGNED_BYTES_MAX + 1);
    await expect(crypto.createSigner(pairOf(algorithm)).sign(long)).rejects.toMatchObject({ code: 'stoq.codec_limit' });
    expect(verify({ message: long })).toBe(false);
  });
});

describe('FALCON-1024 implementations', () => {
  const falconKey = (): PublicKey<'falcon1024'> => pairOf('falcon1024').publicKey;

  test('noble accepts what the signer makes, always in compressed form', async () => {
    const signer = crypto.createSigner(pairOf('falcon1024'));
    for (let round = 0; round < 8; round++) {
      const random = Uint8Array.from(randomBytes(round * 7));
      const { bytes } = await signer.sign(random);
      expect(bytes[0]).toBe(0x3a);
      expect(bytes.at(-1)).not.toBe(0);
      expect(falcon1024.verify(bytes, random, falconKey().bytes)).toBe(true);
    }
  });

  test('signatures by liboqs with a key of noble are accepted here and by noble', async () => {
    const pair = falcon1024.keygen(new Uint8Array(48).fill(7));
    const oracle = await createFalcon1024();
    const bytes = oracle.sign(message, pair.secretKey);
    oracle.destroy();
    const key = { algorithm: 'falcon1024', bytes: pair.publicKey } as const;
    expect(crypto.verify(key, message, { algorithm: 'falcon1024', bytes })).toBe(true);
    expect(falcon1024.verify(bytes, message, pair.publicKey)).toBe(true);
  });

  test('the zero-padded form, which liboqs accepts, is refused', async () => {
    const bytes = falcon1024padded.sign(message, pairOf('falcon1024').secretKey.bytes);
    const oracle = await createFalcon1024();
    expect(oracle.verify(message, bytes, falconKey().bytes)).toBe(true);
    oracle.destroy();
    expect(bytes.at(-1)).toBe(0);
    expect(crypto.verify(falconKey(), message, { algorithm: 'falcon1024', bytes })).toBe(false);
  });
});

test.each([
  ['ml-dsa-44', ml_dsa44],
  ['ml-dsa-65', ml_dsa65],
] as const)('%s agrees with noble both ways', async (algorithm, oracle) => {
  const seed = Uint8Array.from(randomBytes(32));
  const expected = oracle.keygen(seed);
  const pair = seededKeyPair(algorithm, seed);
  expect(pair.publicKey.bytes).toEqual(expected.publicKey);
  const ours = await crypto.createSigner(pair).sign(message);
  expect(oracle.verify(ours.bytes, message, expected.publicKey)).toBe(true);
  const bytes = oracle.sign(message, expected.secretKey);
  expect(crypto.verify(pair.publicKey, message, { algorithm, bytes })).toBe(true);
});

describe('hybrid', () => {
  test('needs both legs', async () => {
    const signer = crypto.createHybridSigner(pairOf('ed25519'), pairOf('falcon1024'));
    const signature = await signer.sign(message);
    expect(crypto.verifyHybrid(signer.publicKey, message, signature)).toBe(true);
    for (const leg of ['classical', 'postQuantum'] as const) {
      const broken = { ...signature, [leg]: { ...signature[leg], bytes: flipped(signature[leg].bytes, 44) } };
      expect(crypto.verifyHybrid(signer.publicKey, message, broken)).toBe(false);
    }
    expect(crypto.verifyHybrid(signer.publicKey, flipped(message, 0), signature)).toBe(false);
  });

  test('legs of other algorithms are refused even where they verify', async () => {
    const signer = crypto.createSigner(pairOf('ed25519'));
    const leg = await signer.sign(message);
    const key = { classical: signer.publicKey, postQuantum: signer.publicKey as PublicKey as PublicKey<'falcon1024'> };
    const signature = { classical: leg, postQuantum: leg as Signature as Signature<'falcon1024'> };
    expect(crypto.verifyHybrid(key, message, signature)).toBe(false);
  });
});

test('keys follow the entropy that is passed in', async () => {
  const entropy = { bytes: (length: number): Uint8Array => new Uint8Array(length).fill(9) };
  const seeded = await createCrypto({ entropy });
  for (const algorithm of ['ed25519', 'ml-dsa-44', 'ml-kem-1024', 'x25519'] as const) {
    const pair = await seeded.generateKeyPair(algorithm);
    expect(pair.secretKey.bytes).toEqual(new Uint8Array(ALGORITHMS[algorithm].secretKeyBytes).fill(9));
    expect(pair).toEqual(seededKeyPair(algorithm, pair.secretKey.bytes));
  }
  await seeded.close();
});

test('more keys than the cache holds keep verifying', async () => {
  const signer = crypto.createSigner(pairOf('ed25519'));
  const signature = await signer.sign(message);
  for (let count = 0; count < 1100; count++) {
    const { publicKey } = seededKeyPair('ed25519', new Uint8Array(32).fill(count).fill(count >> 8, 0, 1));
    expect(crypto.verify(publicKey, message, signature)).toBe(false);
  }
  expect(crypto.verify(signer.publicKey, message, signature)).toBe(true);
});

test('a closed instance signs no more with FALCON and closes twice', async () => {
  const short = await createCrypto();
  const signer = short.createSigner(pairOf('falcon1024'));
  await short.close();
  await short.close();
  const error: unknown = await signer.sign(message).catch((reason: unknown) => reason);
  expect(hasCode(error, 'stoq.signing_closed')).toBe(true);
  expect(short.verify(pairOf('falcon1024').publicKey, message, { algorithm: 'falcon1024', bytes: new Uint8Array(1280).fill(0x3a) })).toBe(
    false,
  );
});

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const index = at < 0 ? bytes.length + at : at;
  copy[index] = (copy[index] as number) ^ 0x10;
  return copy;
}
