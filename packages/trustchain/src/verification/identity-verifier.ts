import {
  type Clock,
  type Crypto,
  equalBytes,
  type HybridPublicKey,
  type IdentityClaim,
  type IdentityVerifier,
  type PeerIdentity,
  type Role,
} from '@hypermesh/stoq';
import { CLOCK_SKEW_MS_MAX, RENEW_EXPIRED_MS_MAX } from '../constants.ts';
import { trustError } from '../errors.ts';
import { type RevocationView, voids } from '../revocation/revocation.ts';
import { createVerificationCache, type Identity, verifyBundle } from './bundle-verification.ts';
import { decodeKeyClaim, decodeSetEntryClaim, keyClaimId } from './identity-message.ts';
import { genesisSetEntries, type SetEntries } from './set-entries.ts';
import type { Trust } from './trust.ts';

/** A key that this side knows beforehand, and what its holder may do. */
export interface PinnedPeer {
  readonly key: HybridPublicKey;
  readonly roles: readonly Role[];
  readonly names: readonly string[];
}

/** Which identities this side takes. */
export interface AcceptedIdentities {
  /** `valid` by default; `renewable` also takes clients whose leaf expired up to 30 days ago, in restricted sessions; `none`. */
  readonly bundle?: 'none' | 'valid' | 'renewable';
  /** True by default. */
  readonly setEntry?: boolean;
  /** False by default; true takes clients with a bare key, in restricted sessions: for a server of enrolment. */
  readonly rawKey?: boolean;
  readonly pinned?: readonly PinnedPeer[];
}

/** A revocation view that says when it has changed. */
export interface RevocationSource extends RevocationView {
  onChange(listener: () => void): () => void;
}

export interface IdentityVerifierComponents {
  readonly trust: Trust;
  readonly revocations: RevocationSource;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly accept?: AcceptedIdentities;
  /** By default those of genesis. */
  readonly setEntries?: SetEntries;
  /** 0 for trustchaind, which hands fresh checkpoints to nodes that hold older ones. */
  readonly policyVersionMin?: number;
}

/** Decides what the peers of this process are, offline. */
export function createIdentityVerifier(components: IdentityVerifierComponents): IdentityVerifier {
  const { trust, revocations, clock, crypto, accept = {}, policyVersionMin } = components;
  const setEntries = components.setEntries ?? genesisSetEntries(trust.genesis);
  const pinned = new Map((accept.pinned ?? []).map((peer) => [hex(keyClaimId(peer.key)), peer]));
  const cache = createVerificationCache();

  const judge = (bundle: Uint8Array, renewal: boolean): PeerIdentity => {
    const at = clock.now();
    const version = policyVersionMin === undefined ? {} : { policyVersionMin };
    const identity = verifyBundle(bundle, { at, trust, revocation: revocations, crypto, renewal, cache, ...version });
    return bundlePeer(identity, isStale(revocations, at));
  };

  const verifiers: Readonly<Record<PeerIdentity['kind'], (claim: IdentityClaim) => PeerIdentity>> = {
    bundle({ bundle, role }) {
      const { bundle: accepted = 'valid' } = accept;
      return accepted === 'none' ? refuseKind('bundle') : judge(bundle, accepted === 'renewable' && role === 'client');
    },
    'set-entry': ({ bundle }) => (accept.setEntry === false ? refuseKind('set-entry') : setEntryPeer(bundle, trust, setEntries)),
    'raw-key': ({ bundle, role }) =>
      accept.rawKey === true && role === 'client' ? keyPeer('raw-key', readKeyClaim(bundle, trust), null) : refuseKind('raw-key'),
    pinned({ bundle }) {
      const key = readKeyClaim(bundle, trust);
      return keyPeer('pinned', key, pinned.get(hex(keyClaimId(key))) ?? refuseKind('pinned'));
    },
  };

  return {
    verify: async (claim) => verifiers[claim.kind](claim),
    stillValid(identity) {
      const now = clock.now();
      if (identity.notAfter !== null && now > identity.notAfter) return false;
      if (identity.kind === 'set-entry') return isListed(identity, setEntries);
      if (identity.kind !== 'bundle') return true;
      const revoked = identity.revocationIds.some((serial) => {
        const revocation = revocations.find(serial);
        return revocation !== null && voids(revocation, now);
      });
      return !revoked && (identity.restricted || !isStale(revocations, now));
    },
    onChange: (listener) => revocations.onChange(listener),
  };
}

function bundlePeer(identity: Identity, stale: boolean): PeerIdentity {
  const { nodeId: id, key, roles, names, revocationIds, expired } = identity;
  const notAfter = identity.notAfter + CLOCK_SKEW_MS_MAX + (expired ? RENEW_EXPIRED_MS_MAX : 0);
  return { kind: 'bundle', id, key, roles, names, notAfter, revocationIds, restricted: expired || stale };
}

function setEntryPeer(bundle: Uint8Array, trust: Trust, entries: SetEntries): PeerIdentity {
  const { meshId, name } = decodeSetEntryClaim(bundle);
  assertMesh(meshId, trust);
  const entry = entries.find(name);
  if (entry === null) throw trustError('trustchain.identity_unknown', { name });
  const { nodeId: id, key, roles } = entry;
  return { kind: 'set-entry', id, key, roles, names: [name], notAfter: null, revocationIds: [], restricted: false };
}

/** A key without a certificate: what is pinned says what it may do, a raw key may only enrol. */
function keyPeer(kind: 'raw-key' | 'pinned', key: HybridPublicKey, peer: PinnedPeer | null): PeerIdentity {
  const { roles, names } = peer ?? { roles: [], names: [] };
  return { kind, id: keyClaimId(key), key, roles, names, notAfter: null, revocationIds: [], restricted: peer === null };
}

function readKeyClaim(bundle: Uint8Array, trust: Trust): HybridPublicKey {
  const { meshId, key } = decodeKeyClaim(bundle);
  assertMesh(meshId, trust);
  return key;
}

/** A validator that left the set, or whose key was replaced, is no longer what its session proved. */
function isListed(identity: PeerIdentity, setEntries: SetEntries): boolean {
  const entry = setEntries.find(identity.names[0] ?? '');
  return entry !== null && equalBytes(keyClaimId(entry.key), keyClaimId(identity.key));
}

function isStale(view: RevocationView, at: number): boolean {
  const nextUpdate = view.nextUpdate();
  return nextUpdate === null || at > nextUpdate;
}

function assertMesh(meshId: Uint8Array, trust: Trust): void {
  if (!equalBytes(meshId, trust.meshId)) throw trustError('trustchain.mesh_mismatch');
}

function refuseKind(kind: PeerIdentity['kind']): never {
  throw trustError('trustchain.identity_kind_refused', { kind });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
