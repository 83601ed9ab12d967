import { hypermeshError } from '../errors.ts';

/** One replica that may answer. */
export interface Endpoint {
  readonly placement: string;
  readonly lease: number;
  /** Node id, 32 bytes, and where the node listens. */
  readonly node: Uint8Array;
  readonly addresses: readonly string[];
}

// Weight of the newest latency in the moving average: about ten requests of memory.
const LATENCY_WEIGHT = 0.2;

// A replica that failed is left alone for this long, doubled with each failure in a row.
const EJECT_MS_MIN = 500;
const EJECT_MS_MAX = 10_000;

interface Health {
  latencyMs: number;
  inFlight: number;
  failures: number;
  ejectedUntil: number;
}

export interface Choice {
  readonly endpoint: Endpoint;
  /** Must be called once with the outcome. */
  done(ok: boolean, now: number): void;
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

  /** Forgets replicas that no longer exist. */
  retain(endpoints: readonly Endpoint[]): void {
    const known = new Set(endpoints.map(keyOf));
    for (const key of this.#health.keys()) if (!known.has(key)) this.#health.delete(key);
  }

  #pick(candidates: readonly Endpoint[]): Endpoint | undefined {
    return candidates[Math.floor(this.#random() * candidates.length)];
  }

  #load(endpoint: Endpoint): number {
    const health = this.#health.get(keyOf(endpoint));
    return health === undefined ? 0 : (health.latencyMs + 1) * (health.inFlight + 1);
  }

  #begin(endpoint: Endpoint, began: number): Choice {
    const key = keyOf(endpoint);
    const health = this.#health.get(key) ?? { latencyMs: 0, inFlight: 0, failures: 0, ejectedUntil: 0 };
    this.#health.set(key, health);
    health.inFlight += 1;
    return {
      endpoint,
      done(ok, now) {
        health.inFlight -= 1;
        if (ok) {
          health.latencyMs += LATENCY_WEIGHT * (now - began - health.latencyMs);
          health.failures = 0;
          health.ejectedUntil = 0;
        } else {
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
