import type { Client, Host, IdentityKind, PeerTarget } from '@hypermesh/stoq';
import { trustchainContract, type TrustchainMethods } from '../api.ts';
import type { Genesis } from '../genesis/genesis.ts';
import { nodeIdOf } from '../genesis/ids.ts';

/** Typed calls to trustchaind; sessions are the host's. */
export type TrustClient = Client<TrustchainMethods>;

export function createTrustClient(host: Pick<Host, 'connect'>, target: PeerTarget): TrustClient {
  return host.connect(trustchainContract, target);
}

/** trustchaind of a mesh, by its session pair in genesis; `as` is the identity to show. */
export function trustchainTarget({ trustchaind }: Genesis, as: IdentityKind): PeerTarget {
  return { addresses: trustchaind.addresses, expect: 'set-entry', id: nodeIdOf(trustchaind.sessionKey.postQuantum), as };
}
