import { systemEntropy } from '../../crypto/entropy.ts';
import { stoqError } from '../../errors.ts';
import type { Carrier, CarrierConnection, CarrierListener } from '../carrier.ts';
import { awaitWithPatience } from '../patience.ts';
import { type MemoryNetwork, splitAddress } from './network.ts';

export interface MemoryCarrierOptions {
  /** Host of this carrier's dials, by default a fresh one. Listeners have the host of their address. */
  readonly host?: string;
  /** 32 bytes that stand for the carrier's key, by default random; null for a carrier that proves none. */
  readonly key?: Uint8Array | null;
  readonly connectTimeoutMs?: number;
}

export interface MemoryCarrier extends Carrier {
  readonly kind: 'memory';
  readonly host: string;
  /** Ends all listeners and connections; idempotent. */
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** Connections within this process, over the paths of `network`. */
export function createMemoryCarrier(network: MemoryNetwork, options: MemoryCarrierOptions = {}): MemoryCarrier {
  const host = options.host ?? network.freeHost();
  const key = options.key === undefined ? systemEntropy.bytes(32) : options.key;
  const timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const listeners = new Set<CarrierListener>();
  const connections = new Set<CarrierConnection>();
  const closing = new AbortController();

  const keep = (connection: CarrierConnection, among: Set<CarrierConnection>): void => {
    among.add(connection);
    void connection.closed.then(() => among.delete(connection));
  };

  return {
    kind: 'memory',
    host,
    async listen(address, accept) {
      closing.signal.throwIfAborted();
      const accepted = new Set<CarrierConnection>();
      const endpoint = {
        key,
        accept(connection: CarrierConnection): void {
          keep(connection, accepted);
          accept(connection);
        },
      };
      const bound = network.bind(address, endpoint);
      const listener: CarrierListener = {
        address: bound,
        async close() {
          if (!listeners.delete(listener)) return;
          network.unbind(bound);
          for (const connection of accepted) connection.close();
        },
      };
      listeners.add(listener);
      return listener;
    },
    async dial(address, { signal }) {
      closing.signal.throwIfAborted();
      if (splitAddress(address).port === 0) throw stoqError('stoq.carrier_address', { address, reason: 'port 0' });
      signal.throwIfAborted();
      const timedOut = (): Error => stoqError('stoq.carrier_timeout', { address, timeoutMs });
      const connection = await awaitWithPatience(network.connect(host, key, address), {
        signal: AbortSignal.any([signal, closing.signal]),
        deadline: { timer: network.timer, timeoutMs, timedOut },
        discard: (late) => late.close(),
      });
      keep(connection, connections);
      return connection;
    },
    async close() {
      closing.abort(stoqError('stoq.carrier_closed'));
      for (const connection of connections) connection.close();
      await Promise.all([...listeners].map((listener) => listener.close()));
    },
  };
}
