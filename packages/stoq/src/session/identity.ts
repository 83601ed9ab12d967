import type { HybridPublicKey, HybridSigner } from '../crypto/keys.ts';

/**
 * How a side proves who it is:
 * `bundle`  certificate bundle of TrustChain; `set-entry`  a session pair listed in genesis or the validator set;
 * `raw-key` a bare key pair, for an enrolling client only; `pinned` a key that the other side knows beforehand.
 */
export type IdentityKind = 'bundle' | 'set-entry' | 'raw-key' | 'pinned';

export type Role = 'viewer' | 'owner' | 'operator' | 'validator' | 'node' | 'service';

/** What a session knows of its peer once both signatures have verified. */
export interface PeerIdentity {
  readonly kind: IdentityKind;
  /** 32 bytes: the node id for bundles and set entries; the hash of both keys for raw and pinned keys. */
  readonly id: Uint8Array;
  readonly key: HybridPublicKey;
  readonly roles: readonly Role[];
  /** Names it may act under (SANs of the certificate, name of the set entry); empty for raw keys. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch after which the session must end; null = no end. */
  readonly notAfter: number | null;
  /** What `IdentityVerifier.stillValid` needs, e.g. certificate serials in lower-case hex. */
  readonly revocationIds: readonly string[];
  /** True if the session may only renew or enrol (expired leaf, raw key). */
  readonly restricted: boolean;
}

/** A side's own identity. */
export interface LocalIdentity {
  readonly kind: IdentityKind;
  /** The identity message as the peer's verifier parses it. May change (renewal): read at each handshake. */
  bundle(): Uint8Array;
  /** The keys certified by the bundle: both legs sign the transcript. */
  signer(): HybridSigner;
}

export interface IdentityClaim {
  readonly kind: IdentityKind;
  readonly bundle: Uint8Array;
  /** Which side of the session makes the claim. */
  readonly role: 'client' | 'server';
}

/**
 * Decides what a claimed identity is. Possession of the keys is proven by the session itself.
 * Throws a coded error that says why a claim is refused (`trustchain.*` codes pass to the peer).
 */
export interface IdentityVerifier {
  verify(claim: IdentityClaim): Promise<PeerIdentity>;
  /** Called on each change of revocation state and at `notAfter`; false ends the session. */
  stillValid(identity: PeerIdentity): boolean;
  /** Calls back whenever `stillValid` may answer differently; returns the unsubscribe function. */
  onChange(listener: () => void): () => void;
}
