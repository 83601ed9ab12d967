import type { Address, Carrier } from '../carrier/carrier.ts';
import type { Clock } from '../clock.ts';
import type { Entropy } from '../crypto/entropy.ts';
import type { Crypto } from '../crypto/keys.ts';
import type { Contract, MethodMap } from '../rpc/contract.ts';
import type { Client, Handlers } from '../rpc/service.ts';
import type { IdentityKind, IdentityVerifier, LocalIdentity } from '../session/identity.ts';

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
  readonly carriers: readonly Carrier[];
  readonly verifier: IdentityVerifier;
}

export interface HostConfig {
  /** One of each kind at most; asked anew at each handshake. */
  readonly identities: () => readonly LocalIdentity[];
  /** Addresses to listen on, e.g. `127.0.0.1:0`; none for a pure client. */
  readonly listen: readonly Address[];
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
