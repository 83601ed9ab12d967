import { createRequire } from 'node:module';
import { stoqError } from '../../errors.ts';

/**
 * The part of quinn's N-API binding that the carrier uses. The binding is no public surface of its package: this is
 * the only file that reaches it, and a contract test holds the file to the pinned version.
 */
export interface QuicBinding {
  readonly QuinnConfig: new (options: QuinnOptions) => QuinnConfig;
  readonly Server: new (config: QuinnConfig, ip: string, port: number) => NativeServer;
  readonly Client: new (config: QuinnConfig, family: 0 | 1) => NativeClient;
}

/** Every option is required; unknown keys would be ignored in silence. */
export interface QuinnOptions {
  /** libp2p's protobuf of an Ed25519 key: `08 01 12 40 | seed 32 | public 32`. */
  readonly privateKeyProto: Uint8Array;
  /** Ignored by the binding, which never times out before `maxIdleTimeout`. */
  readonly handshakeTimeout: number;
  readonly maxIdleTimeout: number;
  readonly keepAliveInterval: number;
  readonly maxConcurrentStreamLimit: number;
  readonly maxStreamData: number;
  readonly maxConnectionData: number;
  readonly receiveBufferSize: number;
  readonly sendBufferSize: number;
  readonly shutdownTimeout: number;
}

export type QuinnConfig = object;

export interface NativeServer {
  inboundConnection(): Promise<NativeConnection>;
  /** Aborts the process when called after `abort`. */
  port(): number;
  /** Closes all connections and frees the port. */
  abort(): Promise<void>;
}

export interface NativeClient {
  outboundConnection(ip: string, port: number): Promise<NativeConnection>;
  abort(): void;
}

export interface NativeConnection {
  inboundStream(): Promise<NativeStream>;
  outboundStream(): Promise<NativeStream>;
  /** `/ip4|ip6/<address>/udp/<port>/quic-v1/p2p/<peer id>`. */
  remoteMultiaddr(): string;
  closed(): Promise<void>;
  abort(): void;
}

export interface NativeStream {
  /** Null at the end, and also on every read after one that failed. */
  read(bytesMax: number): Promise<Uint8Array | null>;
  write(bytes: Uint8Array): Promise<void>;
  finishWrite(): Promise<void>;
  /** Waits for a write under way. */
  resetWrite(): Promise<void>;
  /** Waits for a read under way. */
  stopRead(): Promise<void>;
}

export const FAMILY_IPV4 = 0;
export const FAMILY_IPV6 = 1;

const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': '@chainsafe/libp2p-quic-linux-x64-gnu',
  'linux-arm64': '@chainsafe/libp2p-quic-linux-arm64-gnu',
  'darwin-arm64': '@chainsafe/libp2p-quic-darwin-arm64',
};

/** Loads the binding of this platform. Throws `stoq.carrier_unavailable`. */
export function loadQuicBinding(platform: string = `${process.platform}-${process.arch}`): QuicBinding {
  const name = PACKAGES[platform];
  if (name === undefined) throw stoqError('stoq.carrier_unavailable', { kind: 'quic', platform });
  try {
    return createRequire(import.meta.url)(name) as QuicBinding;
  } catch (cause) {
    throw stoqError('stoq.carrier_unavailable', { kind: 'quic', platform, package: name }, { cause });
  }
}
