import type { z } from 'zod';
import type { IdentityKind, Role } from '../session/identity.ts';

export interface MethodSpec<Request = unknown, Response = unknown> {
  /** `unary`: one response; `server-stream`: any number of responses, then an end. */
  readonly kind: 'unary' | 'server-stream';
  readonly request: z.ZodType<Request>;
  readonly response: z.ZodType<Response>;
  /** Roles of which the caller needs one; `any` = every authenticated, unrestricted identity. */
  readonly roles: readonly Role[] | 'any';
  /** Identity kinds that may call; by default bundle and set-entry. */
  readonly kinds?: readonly IdentityKind[];
  /** Whether restricted sessions (enrolment, renewal) may call; by default not. */
  readonly restricted?: boolean;
  /** A repeated call has the effect of one call, so clients may retry it. */
  readonly idempotent: boolean;
  readonly requestBytesMax: number;
  readonly responseBytesMax: number;
  /** Default deadline of a call; for streams, of the gap between two responses. */
  readonly deadlineMs: number;
}

/** A versioned set of methods; on the wire a method is `<name>/<version>.<method>`. */
export interface Contract<Methods extends MethodMap = MethodMap> {
  readonly name: string;
  readonly version: number;
  readonly methods: Methods;
}

// Any request and response type: the map is narrowed again by `Contract<Methods>`.
export type MethodMap = Readonly<Record<string, MethodSpec<never, never> | MethodSpec>>;

export type RequestOf<M> = M extends MethodSpec<infer Request, never> ? Request : M extends { request: z.ZodType<infer R> } ? R : never;
export type ResponseOf<M> = M extends { response: z.ZodType<infer Response> } ? Response : never;

export function defineContract<const Methods extends MethodMap>(contract: Contract<Methods>): Contract<Methods> {
  return Object.freeze(contract);
}

// Requests and responses are plain objects of these values; on the wire canonical CBOR with maps.
export type RpcValue = number | bigint | string | boolean | null | Uint8Array | readonly RpcValue[] | { readonly [key: string]: RpcValue };
