import type { Address, Carrier } from '../carrier/carrier.ts';
import type { Clock } from '../clock.ts';
import type { Entropy } from '../crypto/entropy.ts';
import type { Crypto } from '../crypto/keys.ts';
import type { Contract, MethodMap } from '../rpc/contract.ts';
import type { Client, Handlers } from '../rpc/service.ts';
import type { IdentityKind, IdentityVerifier, LocalIdentity } from '../session/identity.ts';
import type { HostObserver } from './host-observer.ts';
import type { HandshakeGateLimits } from '../session/gate.ts';
import type { SessionLimits } from '../session/limits.ts';

/** Whom to call, and as whom. */
export interface PeerTarget {
  /** Tried in turn with a head start each (happy eyeballs). */
  readonly addresses: readonly Address[];
  /** The kind of identity that the server must show. */
  readonly expect: IdentityKind;
  /** 32-byte id that the server must prove; without it any identity that the verifier accepts. */
  readonly id?: Uint8Array;
  /** The kind of identity to show, by default `expect`. Sessions are pooled by target and this. */
  readonly as?: IdentityKind;
}

export interface HostComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Asked in this order for an address that several know. The host owns them: those that can be closed are closed by `stop`. */
  readonly carriers: readonly (Carrier & { close?(): Promise<void> })[];
  readonly verifier: IdentityVerifier;
  readonly observer?: HostObserver;
}

export interface HostConfig {
  /** One of each kind at most; asked anew at each handshake. */
  readonly identities: () => readonly LocalIdentity[];
  /** Addresses to listen on, e.g. `127.0.0.1:0`; none for a pure client. */
  readonly listen: readonly Address[];
  /** Sessions of peers at once, those under handshake included. */
  readonly sessionsMax?: number;
  readonly handshakeLimits?: Partial<HandshakeGateLimits>;
  readonly sessionLimits?: Partial<SessionLimits>;
  readonly callsPerSessionMax?: number;
  readonly callsMax?: number;
  /** After this without a call a dialled session is closed. */
  readonly sessionIdleMsMax?: number;
  /** After this a dialled session takes no new call and is replaced by the next. */
  readonly sessionAgeMsMax?: number;
}

/** One process on the network: serves contracts over sessions, calls those of others through a pool of sessions. */
export interface Host {
  /** Before `start`; each contract name and version once. */
  serve<Methods extends MethodMap>(contract: Contract<Methods>, handlers: Handlers<Methods>): void;
  /** A client whose sessions are opened when first needed, kept, and replaced when they end. */
  connect<Methods extends MethodMap>(contract: Contract<Methods>, peer: PeerTarget): Client<Methods>;
  /** Bound addresses, once started. */
  addresses(): readonly Address[];
  start(): Promise<void>;
  /** Refuses new calls, waits for those under way at most `graceMs`, closes sessions and carriers; idempotent. */
  stop(options?: { graceMs?: number }): Promise<void>;
}
