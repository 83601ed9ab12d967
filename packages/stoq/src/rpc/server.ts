import type { Clock } from '../clock.ts';
import { stoqError } from '../errors.ts';
import type { Session } from '../session/session.ts';
import type { Contract, MethodMap } from './contract.ts';
import type { RpcObserver } from './observer.ts';
import { createRegistry } from './registry.ts';
import { ServedSession } from './served-session.ts';
import type { ServerCall, ServerScope } from './server-call.ts';
import type { Handlers } from './service.ts';

// What one peer may have under way: twice the deepest pipeline of our own clients.
export const CALLS_PER_SESSION_MAX: number = 256;
// All peers together; a call with a stream of its own holds about 4 KiB.
export const CALLS_MAX: number = 4096;

export interface RpcServerComponents {
  readonly clock: Clock;
  readonly observer?: RpcObserver | undefined;
}

export interface RpcServerConfig {
  readonly callsPerSessionMax?: number;
  readonly callsMax?: number;
}

/** Answers the calls of peers on the sessions attached to it. */
export interface RpcServer {
  /** Each contract name and version once. */
  serve<Methods extends MethodMap>(contract: Contract<Methods>, handlers: Handlers<Methods>): void;
  /** Answers the calls of the session until it ends; never rejects. `busy` is told how many calls of it are under way. */
  attach(session: Session, busy?: (change: 1 | -1) => void): Promise<void>;
  /** Refuses new calls with `stoq.rpc_stopping` from now on; resolves when none is under way. */
  drain(): Promise<void>;
  /** Aborts calls under way; their callers are told `stoq.rpc_stopping`. */
  abort(which: 'all' | 'streams'): void;
}

export function createRpcServer({ clock, observer }: RpcServerComponents, config: RpcServerConfig = {}): RpcServer {
  const callsMax = config.callsMax ?? CALLS_MAX;
  const callsPerSessionMax = config.callsPerSessionMax ?? CALLS_PER_SESSION_MAX;
  const registry = createRegistry();
  const calls = new Set<ServerCall>();
  const idle: (() => void)[] = [];
  let running = 0;
  let stopping = false;

  const admit = (own: { running: number }): (() => void) => {
    if (stopping) throw stoqError('stoq.rpc_stopping');
    if (own.running >= callsPerSessionMax) throw stoqError('stoq.rpc_overload', { callsPerSessionMax });
    if (running >= callsMax) throw stoqError('stoq.rpc_overload', { callsMax });
    running += 1;
    own.running += 1;
    return () => {
      running -= 1;
      own.running -= 1;
    };
  };

  return {
    serve: (contract, handlers) => registry.add(contract, handlers),
    async attach(session, busy = () => {}) {
      const own = { running: 0 };
      const scope: ServerScope = { clock, observer, find: (wireName) => registry.find(wireName), admit: () => admit(own) };
      const track = (call: ServerCall): (() => void) => {
        calls.add(call);
        busy(1);
        return () => {
          calls.delete(call);
          busy(-1);
          if (calls.size === 0) for (const resolve of idle.splice(0)) resolve();
        };
      };
      await new ServedSession(session, scope, track).run();
    },
    async drain() {
      stopping = true;
      if (calls.size > 0) await new Promise<void>((resolve) => idle.push(resolve));
    },
    abort(which) {
      for (const call of calls) if (which === 'all' || call.streaming) call.abort(stoqError('stoq.rpc_stopping'));
    },
  };
}
