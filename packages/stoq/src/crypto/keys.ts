import type { KemAlgorithm, SignatureAlgorithm } from './algorithms.ts';

export interface PublicKey<A extends SignatureAlgorithm | KemAlgorithm = SignatureAlgorithm | KemAlgorithm> {
  readonly algorithm: A;
  /** Raw encoding, `ALGORITHMS[algorithm].publicKeyBytes` long. */
  readonly bytes: Uint8Array;
}

export interface SecretKey<A extends SignatureAlgorithm | KemAlgorithm = SignatureAlgorithm | KemAlgorithm> {
  readonly algorithm: A;
  readonly bytes: Uint8Array;
}

export interface KeyPair<A extends SignatureAlgorithm | KemAlgorithm = SignatureAlgorithm | KemAlgorithm> {
  readonly publicKey: PublicKey<A>;
  readonly secretKey: SecretKey<A>;
}

export interface Signature<A extends SignatureAlgorithm = SignatureAlgorithm> {
  readonly algorithm: A;
  readonly bytes: Uint8Array;
}

/** Both legs of a hybrid signature; both must verify. */
export interface HybridSignature {
  readonly classical: Signature<'ed25519'>;
  readonly postQuantum: Signature<'falcon1024'>;
}

export interface HybridPublicKey {
  readonly classical: PublicKey<'ed25519'>;
  readonly postQuantum: PublicKey<'falcon1024'>;
}

/** Signs messages under one key; the secret never leaves it. `message` is already domain-separated (`labelled`). */
export interface Signer<A extends SignatureAlgorithm = SignatureAlgorithm> {
  readonly publicKey: PublicKey<A>;
  sign(message: Uint8Array): Promise<Signature<A>>;
}

export interface HybridSigner {
  readonly publicKey: HybridPublicKey;
  sign(message: Uint8Array): Promise<HybridSignature>;
}

/**
 * The cryptography of one process: loaded once by `createCrypto()`, passed to whatever verifies or signs.
 * Verification is synchronous (FALCON about 0.11 ms); it answers false for anything malformed and never throws.
 */
export interface Crypto {
  verify(key: PublicKey<SignatureAlgorithm>, message: Uint8Array, signature: Signature): boolean;
  verifyHybrid(key: HybridPublicKey, message: Uint8Array, signature: HybridSignature): boolean;
  /** FALCON pairs are generated in a worker that ends afterwards, so that no copy stays in WASM memory. */
  generateKeyPair<A extends SignatureAlgorithm | KemAlgorithm>(algorithm: A): Promise<KeyPair<A>>;
  /** FALCON signing runs in worker threads; the signer copies the secret key. */
  createSigner<A extends SignatureAlgorithm>(pair: KeyPair<A>): Signer<A>;
  createHybridSigner(classical: KeyPair<'ed25519'>, postQuantum: KeyPair<'falcon1024'>): HybridSigner;
  /** Ends the worker threads. */
  close(): Promise<void>;
}
