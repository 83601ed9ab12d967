import { stoqError } from '../errors.ts';
import type { SessionSource } from '../rpc/session-source.ts';
import type { PeerTarget } from './host.ts';
import { PooledPeer, type PoolScope } from './pooled-peer.ts';

// Half a minute above the interval of the slowest periodic call (witness and metering rounds, 5 min), which then needs no handshake.
export const POOL_IDLE_MS_MAX: number = 330_000;
// Revocation state reaches a peer with a new handshake at the latest after this.
export const POOL_AGE_MS_MAX: number = 3_600_000;
// Peers remembered before those without a session are forgotten.
const PEERS_MAX = 4_096;

export type SessionPoolComponents = Omit<PoolScope, 'signal' | 'idleMsMax' | 'ageMsMax'>;

export interface SessionPoolConfig {
  readonly idleMsMax?: number | undefined;
  readonly ageMsMax?: number | undefined;
}

/** Sessions that this process dials, one for each target. */
export interface SessionPool {
  source(target: PeerTarget): SessionSource;
  /** The peer of that id has opened a session here: it can be dialled again at once. */
  heard(id: Uint8Array): void;
  /** Dials no more and closes all sessions. */
  close(options: { graceMs: number }): Promise<void>;
}

export function createSessionPool(components: SessionPoolComponents, config: SessionPoolConfig = {}): SessionPool {
  const closing = new AbortController();
  const peers = new Map<string, PooledPeer>();
  const scope: PoolScope = {
    ...components,
    idleMsMax: config.idleMsMax ?? POOL_IDLE_MS_MAX,
    ageMsMax: config.ageMsMax ?? POOL_AGE_MS_MAX,
    signal: closing.signal,
  };

  const peerOf = (key: string): PooledPeer => {
    let peer = peers.get(key);
    if (peer === undefined) {
      if (peers.size >= PEERS_MAX) for (const [other, { dispensable }] of peers) if (dispensable) peers.delete(other);
      peer = new PooledPeer(scope);
      peers.set(key, peer);
    }
    return peer;
  };

  return {
    source(target) {
      const key = keyOf(target);
      return {
        acquire: ({ signal }) => peerOf(key).acquire(target, signal),
        discard: (session) => peerOf(key).discard(session),
      };
    },
    heard(id) {
      const suffix = ` ${hexOf(id)}`;
      for (const [key, peer] of peers) if (key.endsWith(suffix)) peer.heard();
    },
    async close({ graceMs }) {
      closing.abort(stoqError('stoq.session_closed', { reason: 'this host is stopping' }));
      await Promise.all([...peers.values()].map((peer) => peer.close(graceMs)));
    },
  };
}

/** A peer with an id is the same peer at every address. */
function keyOf(target: PeerTarget): string {
  const whom = target.id === undefined ? target.addresses.join(' ') : hexOf(target.id);
  return `${target.expect} ${target.as ?? target.expect} ${whom}`;
}

function hexOf(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}
