import { decode, encode } from '../codec/codec.ts';
import { equalBytes } from '../crypto/bytes.ts';
import { hashLabelled } from '../crypto/hashes.ts';
import { hybridPublicKeyCodec } from '../crypto/key-codecs.ts';
import type { HybridPublicKey, HybridSigner } from '../crypto/keys.ts';
import { stoqError } from '../errors.ts';
import type { IdentityVerifier, LocalIdentity, Role } from './identity.ts';

/** A peer whose keys are known beforehand. */
export interface PinnedPeer {
  readonly key: HybridPublicKey;
  readonly roles: readonly Role[];
  readonly names?: readonly string[];
}

/** 32 bytes: the id of a pinned key pair. */
export function pinnedId(key: HybridPublicKey): Uint8Array {
  return hashLabelled('stoq/pinned-key/1', encode(hybridPublicKeyCodec, key));
}

/** The own side of sessions between peers that know each other's keys: no certificates, no mesh. */
export function createPinnedIdentity(signer: HybridSigner): LocalIdentity {
  const bundle = encode(hybridPublicKeyCodec, signer.publicKey);
  return { kind: 'pinned', bundle: () => bundle, signer: () => signer };
}

/** Accepts exactly these keys, for as long as the session lasts; refuses others with `stoq.identity_refused`. */
export function createPinnedVerifier(peers: readonly PinnedPeer[]): IdentityVerifier {
  const known = peers.map((peer) => ({ ...peer, id: pinnedId(peer.key) }));
  return {
    async verify({ kind, bundle }) {
      if (kind !== 'pinned') throw stoqError('stoq.identity_refused', { kind, reason: 'only pinned keys are accepted' });
      const id = pinnedId(decode(hybridPublicKeyCodec, bundle));
      const peer = known.find((candidate) => equalBytes(candidate.id, id));
      if (peer === undefined) throw stoqError('stoq.identity_refused', { kind, reason: 'not a pinned key' });
      const { key, roles, names = [] } = peer;
      return { kind, id, key, roles, names, notAfter: null, revocationIds: [], restricted: false };
    },
    stillValid: () => true,
    onChange: () => () => {},
  };
}
