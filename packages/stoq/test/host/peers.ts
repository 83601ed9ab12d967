import {
  type Crypto,
  decode,
  encode,
  equalBytes,
  hashLabelled,
  hybridPublicKeyCodec,
  type HybridSigner,
  type IdentityKind,
  type IdentityVerifier,
  type LocalIdentity,
  type PeerIdentity,
  stoqError,
} from '@hypermesh/stoq';

/** A key pair and what verifiers are to believe of it. */
export interface Peer {
  readonly id: Uint8Array;
  readonly signer: HybridSigner;
  identity(kind: IdentityKind): LocalIdentity;
}

export async function createPeer(crypto: Crypto): Promise<Peer> {
  const signer = crypto.createHybridSigner(await crypto.generateKeyPair('ed25519'), await crypto.generateKeyPair('falcon1024'));
  const bundle = encode(hybridPublicKeyCodec, signer.publicKey);
  return {
    id: idOf(bundle),
    signer,
    identity: (kind) => ({ kind, bundle: () => bundle, signer: () => signer }),
  };
}

/** Accepts listed peers, raw keys as restricted ones; answers with the claimed kind. */
export class PeerBook implements IdentityVerifier {
  readonly #listed: { readonly id: Uint8Array; readonly changes: Partial<PeerIdentity> }[] = [];

  list(peer: Peer, changes: Partial<PeerIdentity> = {}): this {
    this.#listed.push({ id: peer.id, changes });
    return this;
  }

  async verify({ kind, bundle }: { kind: IdentityKind; bundle: Uint8Array }): Promise<PeerIdentity> {
    const key = decode(hybridPublicKeyCodec, bundle);
    const id = idOf(bundle);
    const base: PeerIdentity = { kind, id, key, roles: [], names: [], notAfter: null, revocationIds: [], restricted: kind === 'raw-key' };
    if (kind === 'raw-key') return base;
    const entry = this.#listed.find((listed) => equalBytes(listed.id, id));
    if (entry === undefined) throw stoqError('stoq.identity_refused', { reason: 'not listed' });
    return { ...base, roles: ['node'], ...entry.changes };
  }

  stillValid(): boolean {
    return true;
  }

  onChange(): () => void {
    return () => {};
  }
}

function idOf(bundle: Uint8Array): Uint8Array {
  return hashLabelled('hypermesh/test-peer/1', bundle);
}
