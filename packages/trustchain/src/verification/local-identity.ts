import { equalBytes, type HybridPublicKey, type HybridSigner, type LocalIdentity } from '@hypermesh/stoq';
import { type Bundle, decodeBundle } from '../certificate/bundle.ts';
import { parseCertificate } from '../certificate/certificate.ts';
import { trustError } from '../errors.ts';
import { encodeKeyClaim, encodeSetEntryClaim, type SetEntryClaim } from './identity-message.ts';

/** A bundle that is replaced when it is renewed; sessions read it at each handshake. */
export interface BundleIdentity extends LocalIdentity {
  readonly kind: 'bundle';
  current(): Bundle;
  /** Throws `trustchain.bundle_malformed`, or `trustchain.config_invalid` if it certifies other keys. */
  replace(encoded: Uint8Array): void;
}

export function createBundleIdentity(encoded: Uint8Array, signer: HybridSigner): BundleIdentity {
  let held = readBundle(encoded, signer.publicKey);
  return {
    kind: 'bundle',
    bundle: () => held.encoded,
    signer: () => signer,
    current: () => held.bundle,
    replace(fresh) {
      held = readBundle(fresh, signer.publicKey);
    },
  };
}

/** A validator or trustchaind, by the name under which genesis lists its session pair. */
export function createSetEntryIdentity(claim: SetEntryClaim, signer: HybridSigner): LocalIdentity {
  return fixedIdentity('set-entry', encodeSetEntryClaim(claim), signer);
}

/** An enrolling client. */
export function createRawKeyIdentity(meshId: Uint8Array, signer: HybridSigner): LocalIdentity {
  return fixedIdentity('raw-key', encodeKeyClaim({ meshId, key: signer.publicKey }), signer);
}

/** A key that the other side knows beforehand. */
export function createPinnedIdentity(meshId: Uint8Array, signer: HybridSigner): LocalIdentity {
  return fixedIdentity('pinned', encodeKeyClaim({ meshId, key: signer.publicKey }), signer);
}

function fixedIdentity(kind: LocalIdentity['kind'], message: Uint8Array, signer: HybridSigner): LocalIdentity {
  return { kind, bundle: () => message, signer: () => signer };
}

function readBundle(encoded: Uint8Array, key: HybridPublicKey): { readonly encoded: Uint8Array; readonly bundle: Bundle } {
  const bundle = decodeBundle(encoded);
  const leaf = parseCertificate(bundle.leaf);
  const certified =
    equalBytes(leaf.key.classical.bytes, key.classical.bytes) && equalBytes(leaf.key.postQuantum.bytes, key.postQuantum.bytes);
  if (!certified) throw trustError('trustchain.config_invalid', { reason: 'the bundle certifies other keys' });
  return { encoded: Uint8Array.from(encoded), bundle };
}
