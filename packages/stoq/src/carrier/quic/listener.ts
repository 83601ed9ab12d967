import { formatAddress, parseAddress } from '../address.ts';
import type { Address, CarrierConnection, CarrierListener } from '../carrier.ts';
import type { NativeConnection, NativeServer, QuicBinding, QuinnConfig } from './binding.ts';
import { carrierFailure, isListenerEnd } from './failures.ts';
import type { ProcessHold } from './process-hold.ts';

// One half-open handshake occupies one pending call for seconds: this many attackers' handshakes delay nobody.
const PENDING_ACCEPTS = 64;

export interface ListenerParts {
  readonly binding: QuicBinding;
  readonly config: QuinnConfig;
  /** Throws if the peer proved no usable key, having closed the connection. */
  readonly admit: (native: NativeConnection) => CarrierConnection;
  readonly accept: (connection: CarrierConnection) => void;
  readonly hold: ProcessHold;
  readonly connectionsMax: number;
}

/** Throws `stoq.carrier_address` when the address cannot be bound. */
export function createQuicListener(at: Address, parts: ListenerParts): CarrierListener {
  const server = bindServer(at, parts);
  const address = formatAddress(parseAddress(at).host, server.port());
  const release = parts.hold.take();
  let alive = 0;
  let closing: Promise<void> | undefined;

  const welcome = (native: NativeConnection): void => {
    if (closing !== undefined || alive >= parts.connectionsMax) {
      native.abort();
      return;
    }
    let connection: CarrierConnection;
    try {
      connection = parts.admit(native);
    } catch {
      return;
    }
    alive++;
    void connection.closed.then(() => alive--);
    parts.accept(connection);
  };

  const acceptNext = (): void => {
    server.inboundConnection().then(
      (native) => {
        acceptNext();
        welcome(native);
      },
      (cause: unknown) => {
        // Either the listener ends or one peer's handshake failed, which concerns that peer only.
        if (closing === undefined && !isListenerEnd(cause)) acceptNext();
      },
    );
  };
  for (let pending = 0; pending < PENDING_ACCEPTS; pending++) acceptNext();

  return {
    address,
    close() {
      closing ??= server.abort().finally(release);
      return closing;
    },
  };
}

function bindServer(address: Address, parts: ListenerParts): NativeServer {
  const { host, port } = parseAddress(address);
  try {
    return new parts.binding.Server(parts.config, host, port);
  } catch (cause) {
    throw carrierFailure(cause, 'listen', { address });
  }
}
