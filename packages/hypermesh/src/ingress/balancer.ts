import { hypermeshError } from '../errors.ts';
import type { Endpoint } from '../mesh-machine/endpoint.ts';

// Weight of the newest latency in the moving average: about ten requests of memory.
const LATENCY_WEIGHT = 0.2;

// A replica that failed is left alone for this long, doubled with each failure in a row.
const EJECT_MS_MIN = 500;
const EJECT_MS_MAX = 10_000;

// Replicas remembered; the one that was not used for the longest time leaves first.
const REMEMBERED_MAX = 4_096;

interface Health {
  latencyMs: number;
  inFlight: number;
  failures: number;
  ejectedUntil: number;
}

/** `unknown`: the request ended for a reason that says nothing about the replica. */
export type Outcome = 'answered' | 'failed' | 'unknown';

export interface Choice {
  readonly endpoint: Endpoint;
  /** Must be called once. */
  done(outcome: Outcome, now: number): void;
}

/**
 * Chooses replicas by the better of two random ones, judged by moving latency times requests in flight (peak EWMA as in
 * Finagle and Linkerd), leaving out those that failed lately.
 */
export class Balancer {
  readonly #health = new Map<string, Health>();
  readonly #random: () => number;

  /** `random` answers a number in [0, 1). */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Throws `hypermesh.no_replica` when none is left outside `tried`. Ejected replicas are used when nothing else is there. */
  choose(endpoints: readonly Endpoint[], tried: ReadonlySet<string>, now: number): Choice {
    const untried = endpoints.filter((endpoint) => !tried.has(keyOf(endpoint)));
    const healthy = untried.filter((endpoint) => (this.#health.get(keyOf(endpoint))?.ejectedUntil ?? 0) <= now);
    const candidates = healthy.length > 0 ? healthy : untried;
    const first = this.#pick(candidates);
    if (first === undefined) throw hypermeshError('hypermesh.no_replica', { tried: tried.size });
    const second = this.#pick(candidates) as Endpoint;
    const endpoint = this.#load(second) < this.#load(first) ? second : first;
    return this.#begin(endpoint, now);
  }

  #pick(candidates: readonly Endpoint[]): Endpoint | undefined {
    return candidates[Math.floor(this.#random() * candidates.length)];
  }

  #load(endpoint: Endpoint): number {
    const health = this.#health.get(keyOf(endpoint));
    return health === undefined ? 0 : (health.latencyMs + 1) * (health.inFlight + 1);
  }

  #remember(key: string, health: Health): void {
    this.#health.delete(key);
    this.#health.set(key, health);
    for (const oldest of this.#health.keys()) {
      if (this.#health.size <= REMEMBERED_MAX) return;
      this.#health.delete(oldest);
    }
  }

  #begin(endpoint: Endpoint, began: number): Choice {
    const key = keyOf(endpoint);
    const health = this.#health.get(key) ?? { latencyMs: 0, inFlight: 0, failures: 0, ejectedUntil: 0 };
    this.#remember(key, health);
    health.inFlight += 1;
    return {
      endpoint,
      done(outcome, now) {
        health.inFlight -= 1;
        if (outcome === 'answered') {
          health.latencyMs += LATENCY_WEIGHT * (now - began - health.latencyMs);
          health.failures = 0;
          health.ejectedUntil = 0;
        } else if (outcome === 'failed') {
          health.ejectedUntil = now + Math.min(EJECT_MS_MAX, EJECT_MS_MIN * 2 ** Math.min(health.failures, 10));
          health.failures += 1;
        }
      },
    };
  }
}

export function keyOf(endpoint: Pick<Endpoint, 'placement' | 'lease'>): string {
  return `${endpoint.placement}/${endpoint.lease}`;
}
