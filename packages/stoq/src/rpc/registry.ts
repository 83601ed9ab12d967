import { strict as assert } from 'node:assert';
import { ENCODED_BYTES_MAX } from '../codec/codec.ts';
import type { CodedError } from '../errors.ts';
import { stoqError } from '../errors.ts';
import type { IdentityKind, PeerIdentity } from '../session/identity.ts';
import type { Contract, MethodMap, MethodSpec } from './contract.ts';
import type { CallContext, Handlers } from './service.ts';
import { DEADLINE_MS_MAX, METHOD_CHARS_MAX } from './wire.ts';

export type Handler = (request: unknown, context: CallContext) => Promise<unknown> | AsyncIterable<unknown>;

export interface ServedMethod {
  readonly wireName: string;
  readonly spec: MethodSpec;
  readonly handler: Handler;
}

/** Identity kinds that may call a method that names none. */
export const KINDS_DEFAULT: readonly IdentityKind[] = ['bundle', 'set-entry'];

/** Methods by wire name. */
export interface Registry {
  add<Methods extends MethodMap>(contract: Contract<Methods>, handlers: Handlers<Methods>): void;
  find(wireName: string): ServedMethod | undefined;
}

export function createRegistry(): Registry {
  const methods = new Map<string, ServedMethod>();
  return {
    add(contract, handlers) {
      for (const [name, spec] of methodsOf(contract)) {
        const wireName = wireNameOf(contract, name);
        const handler = (handlers as Readonly<Record<string, Handler>>)[name];
        assert(typeof handler === 'function', `${wireName} has a handler`);
        assert(!methods.has(wireName), `${wireName} is served once`);
        methods.set(wireName, { wireName, spec, handler: handler.bind(handlers) as Handler });
      }
    },
    find: (wireName) => methods.get(wireName),
  };
}

export function wireNameOf(contract: Contract, method: string): string {
  return `${contract.name}/${contract.version}.${method}`;
}

/** The methods of a contract, their limits checked. */
export function methodsOf(contract: Contract): readonly (readonly [string, MethodSpec])[] {
  const methods = Object.entries(contract.methods) as [string, MethodSpec][];
  for (const [name, spec] of methods) {
    const wireName = wireNameOf(contract, name);
    assert(wireName.length <= METHOD_CHARS_MAX, `${wireName} is at most ${METHOD_CHARS_MAX} characters`);
    for (const bytesMax of [spec.requestBytesMax, spec.responseBytesMax]) {
      assert(bytesMax > 0 && bytesMax <= ENCODED_BYTES_MAX, `${wireName} has message limits of 1..${ENCODED_BYTES_MAX}`);
    }
    assert(spec.deadlineMs > 0 && spec.deadlineMs <= DEADLINE_MS_MAX, `${wireName} has a deadline of 1..${DEADLINE_MS_MAX} ms`);
  }
  return methods;
}

/** Why the peer may not call the method, or null. */
export function refusalOf(spec: MethodSpec, peer: PeerIdentity): CodedError | null {
  if (!(spec.kinds ?? KINDS_DEFAULT).includes(peer.kind)) return stoqError('stoq.rpc_forbidden', { reason: 'identity kind' });
  if (peer.restricted && spec.restricted !== true) return stoqError('stoq.rpc_forbidden', { reason: 'restricted session' });
  const roles = spec.roles;
  if (roles !== 'any' && !roles.some((role) => peer.roles.includes(role))) return stoqError('stoq.rpc_forbidden', { reason: 'role' });
  return null;
}
