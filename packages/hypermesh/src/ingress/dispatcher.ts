import { type Clock, CodedError, hasCode } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { Endpoint } from '../mesh-machine/endpoint.ts';
import type { WorkloadRequest, WorkloadResponse } from '../runtime/driver.ts';
import { Balancer, keyOf, type Outcome } from './balancer.ts';

/** Sends one request to one replica, here or on another node. */
export type ReplicaCall = (endpoint: Endpoint, request: WorkloadRequest, signal: AbortSignal) => Promise<WorkloadResponse>;

export interface DispatcherComponents {
  /** Replicas of a service; throws `hypermesh.service_unknown`. */
  readonly endpoints: (service: string) => readonly Endpoint[];
  readonly call: ReplicaCall;
  readonly clock: Clock;
  readonly random: () => number;
}

// A request goes to at most this many replicas, so that one broken app does not multiply its own load.
export const ATTEMPTS_MAX: number = 3;

// An attempt that may be repeated elsewhere: a replica on a dead node must leave time for another.
const ATTEMPT_MS_MAX = 2_000;

// Placements whose answers are counted; closed ones have been handed in long before they leave.
const COUNTED_MAX = 16_384;

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Errors after which the replica has certainly not handled the request, so that any method may be tried elsewhere. */
const UNHANDLED: ReadonlySet<string> = new Set([
  'hypermesh.workload_unknown',
  'hypermesh.lease_stale',
  'stoq.carrier_refused',
  'stoq.identity_refused',
  'stoq.rpc_overload',
]);

/** Brings requests to healthy replicas and keeps count of the answers of each placement. */
export class Dispatcher {
  readonly #components: DispatcherComponents;
  readonly #balancer: Balancer;
  readonly #answered = new Map<string, number>();

  constructor(components: DispatcherComponents) {
    this.#components = components;
    this.#balancer = new Balancer(components.random);
  }

  /** Throws `hypermesh.no_replica` or the error of the last replica tried. */
  async handle(service: string, request: WorkloadRequest, signal: AbortSignal): Promise<WorkloadResponse> {
    const tried = new Set<string>();
    let failure: unknown = hypermeshError('hypermesh.workload_timeout');
    for (let attempt = 1; attempt <= ATTEMPTS_MAX && !signal.aborted; attempt++) {
      const endpoints = this.#components.endpoints(service);
      if (attempt > 1 && endpoints.every((endpoint) => tried.has(keyOf(endpoint)))) break;
      const outcome = await this.#attempt(endpoints, tried, request, signal, attempt);
      if (outcome.response !== undefined) return outcome.response;
      failure = outcome.error;
      if (!mayRetry(failure, request.method)) break;
    }
    throw failure;
  }

  /** Requests that the placement has answered through this dispatcher. */
  answered(placement: string): number {
    return this.#answered.get(placement) ?? 0;
  }

  async #attempt(
    endpoints: readonly Endpoint[],
    tried: Set<string>,
    request: WorkloadRequest,
    signal: AbortSignal,
    attempt: number,
  ): Promise<{ response?: WorkloadResponse; error?: unknown }> {
    const { clock, call } = this.#components;
    const choice = this.#balancer.choose(endpoints, tried, clock.monotonic());
    tried.add(keyOf(choice.endpoint));
    const others = endpoints.some((endpoint) => !tried.has(keyOf(endpoint)));
    const patient = attempt === ATTEMPTS_MAX || !others || !SAFE_METHODS.has(request.method);
    const limit = patient ? undefined : AbortSignal.timeout(ATTEMPT_MS_MAX);
    try {
      const response = await call(choice.endpoint, request, limit === undefined ? signal : AbortSignal.any([signal, limit]));
      choice.done('answered', clock.monotonic());
      this.#count(choice.endpoint.placement);
      return { response };
    } catch (cause) {
      choice.done(outcomeOf(cause, signal), clock.monotonic());
      const timedOut = limit?.aborted === true && !signal.aborted;
      return { error: timedOut ? hypermeshError('hypermesh.workload_timeout', { attemptMsMax: ATTEMPT_MS_MAX }, { cause }) : cause };
    }
  }

  #count(placement: string): void {
    const answered = this.answered(placement) + 1;
    this.#answered.delete(placement);
    this.#answered.set(placement, answered);
    for (const oldest of this.#answered.keys()) {
      if (this.#answered.size <= COUNTED_MAX) return;
      this.#answered.delete(oldest);
    }
  }
}

/** A limit that the request itself hit, or a client that left, says nothing about the replica. */
function outcomeOf(error: unknown, signal: AbortSignal): Outcome {
  const left = signal.aborted && (signal.reason as { name?: unknown } | undefined)?.name !== 'TimeoutError';
  if (left) return 'unknown';
  return hasCode(error, 'hypermesh.workload_limit') ? 'answered' : 'failed';
}

function mayRetry(failure: unknown, method: string): boolean {
  if (!(failure instanceof CodedError) || failure.code === 'hypermesh.workload_limit') return false;
  return UNHANDLED.has(failure.code) || SAFE_METHODS.has(method);
}
