import type { Address, CarrierConnection } from '../carrier/carrier.ts';
import type { Clock } from '../clock.ts';
import type { Entropy } from '../crypto/entropy.ts';
import type { Crypto } from '../crypto/keys.ts';
import type { HandshakeGate } from './gate.ts';
import type { IdentityKind, IdentityVerifier, LocalIdentity, PeerIdentity } from './identity.ts';
import type { SessionLimits } from './limits.ts';

/** An authenticated, sealed connection. Both sides may open streams. */
export interface Session {
  readonly role: 'client' | 'server';
  readonly peer: PeerIdentity;
  readonly remoteAddress: Address;
  /** One side has said that it will close: no stream is opened any more, and nothing new should begin on those that are open. */
  readonly isClosing: boolean;
  /** The peer has been silent for seconds although something was sent to it: it may be gone, and another session may be better. */
  readonly isUnresponsive: boolean;
  openStream(options?: { signal?: AbortSignal }): Promise<SessionStream>;
  /** The next stream of the peer; null when the session has ended. */
  acceptStream(): Promise<SessionStream | null>;
  /** Keying material for a label and context, the same on both sides (as RFC 8446, section 7.5). */
  exportKey(label: string, context: Uint8Array, length: number): Uint8Array;
  /** Round trip to the peer in milliseconds; throws `stoq.session_closed`. */
  ping(options: { signal: AbortSignal }): Promise<number>;
  /** Waits until the peer has acknowledged all that was sent, then ends the session; at most `graceMs`. */
  close(options?: { graceMs?: number }): Promise<void>;
  /** Ends at once with a code that the peer sees. */
  abort(error: Error): void;
  /** Settles with the reason when the session has ended; never rejects. */
  readonly ended: Promise<SessionEnd>;
}

export interface SessionEnd {
  /** `closed` for a graceful close by either side, otherwise an error code. */
  readonly code: string;
  readonly by: 'local' | 'peer';
}

/** A two-way byte stream under session and stream credit. */
export interface SessionStream {
  readonly id: number;
  /** Resolves when the bytes are within credit and handed to the carrier. One write at a time. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends this direction with an authenticated end record. */
  finish(): Promise<void>;
  /** The next bytes; null after the peer's authenticated end. Throws `stoq.stream_reset` or the session's end. */
  read(): Promise<Uint8Array | null>;
  /** Gives up both directions; the peer's reads and writes fail with `stoq.stream_reset` carrying `code` (0..65535). */
  reset(code: number): void;
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array>;
}

/** What both sides of a handshake need. */
export interface HandshakeOptions {
  /** Of the side's own role: the dialer is the client. The session owns it from now on. */
  readonly connection: CarrierConnection;
  readonly verifier: IdentityVerifier;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Ends the handshake; has no effect on the session afterwards. */
  readonly signal: AbortSignal;
  readonly limits?: Partial<SessionLimits>;
}

export interface ConnectOptions extends HandshakeOptions {
  readonly identity: LocalIdentity;
  /** The kind of identity that the server must show. */
  readonly expect: IdentityKind;
  /** 32-byte id that the server must prove; checked before this side shows its own identity. */
  readonly expectId?: Uint8Array;
}

export interface AcceptOptions extends HandshakeOptions {
  /** One of each kind at most; the client says which it wants. */
  readonly identities: () => readonly LocalIdentity[];
  /** Shared by all handshakes of an acceptor. */
  readonly gate?: HandshakeGate;
}
