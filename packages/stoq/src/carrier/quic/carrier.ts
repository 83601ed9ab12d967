import { strict as assert } from 'node:assert';
import { type Entropy, systemEntropy } from '../../crypto/entropy.ts';
import { seededKeyPair } from '../../crypto/native-keys.ts';
import { wipe } from '../../crypto/bytes.ts';
import { stoqError } from '../../errors.ts';
import { formatAddress, parseAddress, type ParsedAddress } from '../address.ts';
import type { Address, Carrier, CarrierConnection, CarrierListener } from '../carrier.ts';
import { awaitWithPatience } from '../patience.ts';
import { systemClock, type Timer } from '../../clock.ts';
import {
  FAMILY_IPV4,
  FAMILY_IPV6,
  loadQuicBinding,
  type NativeClient,
  type NativeConnection,
  type QuicBinding,
  type QuinnConfig,
} from './binding.ts';
import { createQuicConnection } from './connection.ts';
import { carrierFailure } from './failures.ts';
import { createQuicListener } from './listener.ts';
import { createProcessHold, type ProcessHold } from './process-hold.ts';

/** All optional; times in milliseconds, sizes in bytes. */
export interface QuicCarrierConfig {
  readonly connectTimeoutMs?: number;
  /** A peer that vanished is noticed after this at the latest; sessions have their own, quicker liveness. */
  readonly idleTimeoutMs?: number;
  readonly keepAliveMs?: number;
  /** Streams that the peer may have open at once on one connection. */
  readonly streamsMax?: number;
  /** What the peer may send on one stream before it is read. */
  readonly streamWindowBytes?: number;
  readonly connectionWindowBytes?: number;
  readonly socketBufferBytes?: number;
  /** Accepted connections alive at once on one listener; further ones are closed at once. */
  readonly connectionsMax?: number;
}

export interface QuicCarrierComponents {
  readonly timer?: Timer;
  readonly entropy?: Entropy;
  readonly binding?: QuicBinding;
}

export interface QuicCarrier extends Carrier {
  readonly kind: 'quic';
  /** Ends all listeners and connections; idempotent. */
  close(): Promise<void>;
}

const DEFAULTS: Required<QuicCarrierConfig> = {
  connectTimeoutMs: 10_000,
  idleTimeoutMs: 30_000,
  keepAliveMs: 5_000,
  // Above the streams that a session allows, which answers with an error where the carrier would make the peer wait.
  streamsMax: 4096,
  // One stream fills 1 Gbit/s at 64 ms; the peer is not authenticated when it first sends.
  streamWindowBytes: 8 * 1024 * 1024,
  connectionWindowBytes: 32 * 1024 * 1024,
  // 7 MiB, clamped by the system: what quinn's authors recommend for bursts at 2 Gbit/s.
  socketBufferBytes: 7 * 1024 * 1024,
  // Twice the sessions that one process is expected to hold.
  connectionsMax: 10_000,
};

// The listener's last packets to its peers; after this the port is freed regardless.
const SHUTDOWN_TIMEOUT_MS = 1_000;
// libp2p's protobuf PrivateKey: field 1 = 1 (Ed25519), field 2 = 0x40 bytes, seed and public key.
const KEY_PROTO_PREFIX: readonly number[] = [0x08, 0x01, 0x12, 0x40];

/**
 * QUIC v1 by quinn's native binding. The TLS key is made here, lives as long as the carrier and is no identity: the
 * session binds both ends' keys into its transcript. Throws `stoq.carrier_unavailable` where the binding is missing.
 */
export function createQuicCarrier(config: QuicCarrierConfig = {}, components: QuicCarrierComponents = {}): QuicCarrier {
  return new QuinnCarrier({ ...DEFAULTS, ...config }, components);
}

class QuinnCarrier implements QuicCarrier {
  readonly kind = 'quic';
  readonly #settings: Required<QuicCarrierConfig>;
  readonly #binding: QuicBinding;
  readonly #timer: Timer;
  readonly #publicKey: Uint8Array;
  readonly #nativeConfig: QuinnConfig;
  readonly #hold: ProcessHold = createProcessHold();
  readonly #listeners = new Set<CarrierListener>();
  readonly #connections = new Set<CarrierConnection>();
  readonly #clients = new Map<ParsedAddress['family'], NativeClient>();
  readonly #closing = new AbortController();

  constructor(settings: Required<QuicCarrierConfig>, components: QuicCarrierComponents) {
    this.#settings = settings;
    this.#binding = components.binding ?? loadQuicBinding();
    this.#timer = components.timer ?? systemClock;
    const key = createKey(this.#binding, settings, components.entropy ?? systemEntropy);
    this.#publicKey = key.publicKey;
    this.#nativeConfig = key.nativeConfig;
  }

  async listen(address: Address, accept: (connection: CarrierConnection) => void): Promise<CarrierListener> {
    this.#closing.signal.throwIfAborted();
    const listener = createQuicListener(address, {
      binding: this.#binding,
      config: this.#nativeConfig,
      admit: (native) => this.#adopt(native, 'listener'),
      accept,
      hold: this.#hold,
      connectionsMax: this.#settings.connectionsMax,
    });
    this.#listeners.add(listener);
    return {
      address: listener.address,
      close: async () => {
        this.#listeners.delete(listener);
        await listener.close();
      },
    };
  }

  async dial(address: Address, { signal }: { signal: AbortSignal }): Promise<CarrierConnection> {
    this.#closing.signal.throwIfAborted();
    const target = parseAddress(address);
    const timeoutMs = this.#settings.connectTimeoutMs;
    if (target.port === 0) throw stoqError('stoq.carrier_address', { address, reason: 'port 0' });
    signal.throwIfAborted();
    const release = this.#hold.take();
    try {
      const native = await awaitWithPatience(this.#dialNative(target), {
        signal: AbortSignal.any([signal, this.#closing.signal]),
        deadline: {
          timer: this.#timer,
          timeoutMs,
          timedOut: () => stoqError('stoq.carrier_timeout', { address, timeoutMs }),
        },
        discard: (late) => late.abort(),
      });
      return this.#adopt(native, 'dialer');
    } finally {
      release();
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(stoqError('stoq.carrier_closed'));
    for (const connection of this.#connections) connection.close();
    await Promise.all([...this.#listeners].map((listener) => listener.close()));
    this.#listeners.clear();
    for (const client of this.#clients.values()) client.abort();
    this.#clients.clear();
  }

  async #dialNative(target: ParsedAddress): Promise<NativeConnection> {
    try {
      return await this.#clientFor(target.family).outboundConnection(target.host, target.port);
    } catch (cause) {
      throw carrierFailure(cause, 'dial', { address: formatAddress(target.host, target.port) });
    }
  }

  /** One socket per address family, opened when first needed. */
  #clientFor(family: ParsedAddress['family']): NativeClient {
    let client = this.#clients.get(family);
    client ??= new this.#binding.Client(this.#nativeConfig, family === 4 ? FAMILY_IPV4 : FAMILY_IPV6);
    this.#clients.set(family, client);
    return client;
  }

  /** Keeps the connection referenced, and the process running, until it has ended. */
  #adopt(native: NativeConnection, role: CarrierConnection['role']): CarrierConnection {
    const connection = createQuicConnection(native, role, this.#publicKey);
    this.#connections.add(connection);
    const release = this.#hold.take();
    void connection.closed.then(() => {
      this.#connections.delete(connection);
      release();
    });
    return connection;
  }
}

function createKey(
  binding: QuicBinding,
  settings: Required<QuicCarrierConfig>,
  entropy: Entropy,
): { readonly publicKey: Uint8Array; readonly nativeConfig: QuinnConfig } {
  assert(settings.streamWindowBytes <= settings.connectionWindowBytes, 'a stream window above that of the connection');
  const seed = entropy.bytes(32);
  const publicKey = seededKeyPair('ed25519', seed).publicKey.bytes;
  const privateKeyProto = Uint8Array.from([...KEY_PROTO_PREFIX, ...seed, ...publicKey]);
  try {
    const nativeConfig = new binding.QuinnConfig({
      privateKeyProto,
      handshakeTimeout: settings.connectTimeoutMs,
      maxIdleTimeout: settings.idleTimeoutMs,
      keepAliveInterval: settings.keepAliveMs,
      maxConcurrentStreamLimit: settings.streamsMax,
      maxStreamData: settings.streamWindowBytes,
      maxConnectionData: settings.connectionWindowBytes,
      receiveBufferSize: settings.socketBufferBytes,
      sendBufferSize: settings.socketBufferBytes,
      shutdownTimeout: SHUTDOWN_TIMEOUT_MS,
    });
    return { publicKey, nativeConfig };
  } finally {
    wipe(seed, privateKeyProto);
  }
}
