import type { Codec } from '../codec/codec.ts';
import { bytesUpTo, mapped, struct, uint } from '../codec/combinators.ts';
import { stoqError } from '../errors.ts';
import { ALGORITHMS, type Algorithm, type KemAlgorithm, type SignatureAlgorithm } from './algorithms.ts';
import { isCompressedFalcon } from './falcon-form.ts';
import type { HybridPublicKey, HybridSignature, PublicKey, Signature } from './keys.ts';

const ID_MAX = 255;
const NAMES: readonly Algorithm[] = ['ed25519', 'falcon1024', 'ml-dsa-44', 'ml-dsa-65', 'ml-kem-1024', 'x25519'];
const KEY_BYTES_MAX: number = Math.max(...NAMES.map((name) => ALGORITHMS[name].publicKeyBytes));
const SIGNATURE_BYTES_MAX: number = Math.max(...NAMES.map((name) => ALGORITHMS[name].signatureBytesMax));

/** `[algorithm id, raw key]`, of any algorithm of the registry. */
export const publicKeyCodec: Codec<PublicKey> = keyCodec(NAMES);

/** `[algorithm id, raw key]` of one algorithm. */
export function publicKeyCodecOf<A extends SignatureAlgorithm | KemAlgorithm>(algorithm: A): Codec<PublicKey<A>> {
  return keyCodec([algorithm]);
}

/** `[algorithm id, signature]`, of any signature algorithm of the registry. */
export const signatureCodec: Codec<Signature> = signatureCodecAmong(
  NAMES.filter((name): name is SignatureAlgorithm => ALGORITHMS[name].use === 'sign'),
);

/** `[algorithm id, signature]` of one algorithm. */
export function signatureCodecOf<A extends SignatureAlgorithm>(algorithm: A): Codec<Signature<A>> {
  return signatureCodecAmong([algorithm]);
}

/** `[[1, Ed25519 key], [2, FALCON-1024 key]]`. */
export const hybridPublicKeyCodec: Codec<HybridPublicKey> = struct({
  classical: publicKeyCodecOf('ed25519'),
  postQuantum: publicKeyCodecOf('falcon1024'),
});

/** `[[1, Ed25519 signature], [2, FALCON-1024 signature]]`. */
export const hybridSignatureCodec: Codec<HybridSignature> = struct({
  classical: signatureCodecOf('ed25519'),
  postQuantum: signatureCodecOf('falcon1024'),
});

interface Tagged<A extends Algorithm> {
  readonly algorithm: A;
  readonly bytes: Uint8Array;
}

function keyCodec<A extends Algorithm>(among: readonly A[]): Codec<Tagged<A>> {
  return taggedCodec(among, KEY_BYTES_MAX, (key) => key.bytes.length === ALGORITHMS[key.algorithm].publicKeyBytes);
}

function signatureCodecAmong<A extends SignatureAlgorithm>(among: readonly A[]): Codec<Tagged<A>> {
  return taggedCodec(among, SIGNATURE_BYTES_MAX, (signature) =>
    signature.algorithm === 'falcon1024'
      ? isCompressedFalcon(signature.bytes)
      : signature.bytes.length === ALGORITHMS[signature.algorithm].signatureBytesMax,
  );
}

function taggedCodec<A extends Algorithm>(
  among: readonly A[],
  bytesMax: number,
  wellFormed: (object: Tagged<A>) => boolean,
): Codec<Tagged<A>> {
  const check = (object: Tagged<A>): Tagged<A> => {
    if (!among.includes(object.algorithm) || !wellFormed(object)) {
      throw stoqError('stoq.key_malformed', { algorithm: object.algorithm, bytes: object.bytes.length });
    }
    return object;
  };
  const wire: Codec<{ readonly id: number; readonly bytes: Uint8Array }> = struct({
    id: uint(ID_MAX),
    bytes: bytesUpTo(bytesMax),
  });
  return mapped(
    wire,
    ({ id, bytes }) => {
      const algorithm = among.find((name) => ALGORITHMS[name].id === id);
      if (algorithm === undefined) throw stoqError('stoq.key_malformed', { algorithmId: id });
      return check({ algorithm, bytes });
    },
    (object) => ({ id: ALGORITHMS[check(object).algorithm].id, bytes: object.bytes }),
  );
}
