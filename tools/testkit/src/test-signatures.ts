import { blake3, type Crypto, equalBytes, hashLabelled, type PublicKey, type Signature } from '@hypermesh/stoq';

/**
 * A stand-in for signatures that costs a microsecond: the hash of the public key and the message. Whoever knows the
 * public key can sign, so it serves simulations only, whose adversaries sign for themselves alone.
 */
export interface TestSignatures {
  readonly keys: readonly PublicKey<'ed25519'>[];
  sign(signer: number, message: Uint8Array): Signature<'ed25519'>;
  readonly verify: Crypto['verify'];
}

const SIGNATURE_BYTES = 64;

export function createTestSignatures(count: number): TestSignatures {
  const keys = Array.from({ length: count }, (_, index) => ({
    algorithm: 'ed25519' as const,
    bytes: hashLabelled('hypermesh/test-key/1', Uint8Array.of(index)),
  }));
  return {
    keys,
    sign: (signer, message) => ({ algorithm: 'ed25519', bytes: signatureOf((keys[signer] as PublicKey).bytes, message) }),
    verify: (key, message, signature) => equalBytes(signatureOf(key.bytes, message), signature.bytes),
  };
}

function signatureOf(key: Uint8Array, message: Uint8Array): Uint8Array {
  const signature = new Uint8Array(SIGNATURE_BYTES);
  signature.set(blake3(Buffer.concat([key, message])));
  return signature;
}
