import type { Address } from '../carrier/carrier.ts';
import type { RpcObserver } from '../rpc/observer.ts';
import type { PeerIdentity } from '../session/identity.ts';

/** What happens to the sessions of a host. */
export type SessionEvent =
  | { readonly kind: 'opened'; readonly side: 'client' | 'server'; readonly peer: PeerIdentity; readonly remoteAddress: Address }
  | {
      readonly kind: 'ended';
      readonly side: 'client' | 'server';
      readonly peer: PeerIdentity;
      readonly remoteAddress: Address;
      /** `closed`, or the code of the error that ended it. */
      readonly code: string;
      readonly by: 'local' | 'peer';
    }
  /** A peer came and got no session. */
  | { readonly kind: 'refused'; readonly remoteAddress: Address; readonly error: unknown }
  /** No address of a peer gave a session. */
  | { readonly kind: 'unreachable'; readonly addresses: readonly Address[]; readonly error: unknown };

/** For logs and metrics; called synchronously, must not throw. */
export interface HostObserver extends RpcObserver {
  session(event: SessionEvent): void;
}
