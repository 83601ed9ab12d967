/** `host:port` with a literal IPv4 address or a bracketed IPv6 address; `memory` uses any host text. */
export type Address = string;

export type CarrierKind = 'quic' | 'memory';

/** Proof of the carrier's own keys, bound into the session transcript; `none` where the carrier proves none. */
export type CarrierBinding =
  | { readonly kind: 'none' }
  | { readonly kind: 'keys'; readonly dialer: Uint8Array; readonly listener: Uint8Array };

/**
 * Ordered byte streams between two addresses, and nothing else: no identity, no plaintext, no meaning.
 * Every implementation passes `describeCarrier` of the compliance suite.
 */
export interface Carrier {
  readonly kind: CarrierKind;
  listen(address: Address, accept: (connection: CarrierConnection) => void): Promise<CarrierListener>;
  /** Throws `stoq.carrier_refused`, `stoq.carrier_timeout`, `stoq.carrier_address`, `stoq.carrier_closed` or the signal's reason. */
  dial(address: Address, options: { signal: AbortSignal }): Promise<CarrierConnection>;
}

export interface CarrierListener {
  /** With the port that was really bound. */
  readonly address: Address;
  /** Ends the connections that it accepted and frees the port; idempotent. */
  close(): Promise<void>;
}

export interface CarrierConnection {
  readonly role: 'dialer' | 'listener';
  readonly remoteAddress: Address;
  readonly binding: CarrierBinding;
  openStream(options?: { signal?: AbortSignal }): Promise<CarrierStream>;
  /** The next stream that the peer opened; null when the connection has ended. */
  acceptStream(): Promise<CarrierStream | null>;
  /** Settles when the connection has ended, for whatever reason; never rejects. */
  readonly closed: Promise<void>;
  /** Ends the connection at once; idempotent. Bytes not yet delivered may be lost. */
  close(): void;
}

export interface CarrierStream {
  /**
   * Resolves when the carrier takes more (exact back-pressure). The caller must not change `bytes` before that, nor
   * ever if the stream was aborted meanwhile. One write at a time. Throws `stoq.carrier_reset` when the peer gave the
   * stream up, `stoq.carrier_closed` after `finish`, `abort` or the end of the connection.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** The next bytes, at most `bytesMax`; null at the end of the stream. Not authenticated as an end. */
  read(bytesMax: number): Promise<Uint8Array | null>;
  /** No more writes; does not wait for delivery. Idempotent; throws what a write would if the stream has failed. */
  finish(): Promise<void>;
  /** Gives the stream up in both directions; idempotent. */
  abort(): void;
}
