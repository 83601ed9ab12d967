import type { Clock } from '../clock.ts';
import { ClientCall, type ClientMethod } from './client-call.ts';
import type { Contract, MethodMap } from './contract.ts';
import type { RpcObserver } from './observer.ts';
import { methodsOf, wireNameOf } from './registry.ts';
import type { CallOptions, Client } from './service.ts';
import type { SessionSource } from './session-source.ts';

export interface RpcClientComponents {
  readonly clock: Clock;
  readonly observer?: RpcObserver | undefined;
}

/** A typed client whose calls run on sessions of `source`. */
export function createRpcClient<Methods extends MethodMap>(
  contract: Contract<Methods>,
  source: SessionSource,
  components: RpcClientComponents,
): Client<Methods> {
  const calls = methodsOf(contract).map(([name, spec]) => {
    const method: ClientMethod = { wireName: wireNameOf(contract, name), spec, source, ...components };
    const call = (request: unknown, options: CallOptions = {}): unknown => {
      const started = new ClientCall(method, request, options);
      return spec.kind === 'unary' ? started.unary() : started.values();
    };
    return [name, call] as const;
  });
  return Object.freeze(Object.fromEntries(calls)) as unknown as Client<Methods>;
}
