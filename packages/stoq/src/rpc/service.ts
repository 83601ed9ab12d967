import type { Address } from '../carrier/carrier.ts';
import type { PeerIdentity } from '../session/identity.ts';
import type { Contract, MethodMap, RequestOf, ResponseOf } from './contract.ts';

/** What a handler knows of a call. */
export interface CallContext {
  readonly peer: PeerIdentity;
  readonly remoteAddress: Address;
  /** Aborts at the deadline, when the caller cancels and when the session ends. */
  readonly signal: AbortSignal;
}

/**
 * The server's side of a contract. A thrown `CodedError` reaches the caller with its code and data; any other exception
 * becomes `stoq.rpc_internal`.
 */
export type Handlers<Methods extends MethodMap> = {
  readonly [K in keyof Methods]: Methods[K] extends { kind: 'server-stream' }
    ? (request: RequestOf<Methods[K]>, context: CallContext) => AsyncIterable<ResponseOf<Methods[K]>>
    : (request: RequestOf<Methods[K]>, context: CallContext) => Promise<ResponseOf<Methods[K]>>;
};

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Instead of the method's own deadline. */
  readonly deadlineMs?: number;
}

/** The caller's side of a contract. Errors of the peer arrive as `CodedError` with the peer's code. */
export type Client<Methods extends MethodMap> = {
  readonly [K in keyof Methods]: Methods[K] extends { kind: 'server-stream' }
    ? (request: RequestOf<Methods[K]>, options?: CallOptions) => AsyncIterable<ResponseOf<Methods[K]>>
    : (request: RequestOf<Methods[K]>, options?: CallOptions) => Promise<ResponseOf<Methods[K]>>;
};

export type ClientOf<C> = C extends Contract<infer Methods> ? Client<Methods> : never;
export type HandlersOf<C> = C extends Contract<infer Methods> ? Handlers<Methods> : never;
