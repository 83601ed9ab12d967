import { type Clock, equalBytes, type Host } from '@hypermesh/stoq';
import type { Agent } from '../agent/agent.ts';
import type { StateReader } from '../machine/machine.ts';
import { allNodes } from '../mesh-machine/node.ts';
import { workloadContract } from '../ingress/workload-contract.ts';

// Counts only grow, so a missed round costs nothing; settlement periods are longer.
export const COUNT_INTERVAL_MS: number = 10_000;

// Operations of one transaction: a round beyond it goes on with the next.
const COUNTS_PER_ROUND_MAX = 500;

const ROUND_MS_MAX = 20_000;

export interface RequestCountsComponents {
  readonly node: Uint8Array;
  readonly agent: Pick<Agent, 'placements'>;
  readonly host: Pick<Host, 'connect'>;
  /** Agreed state of the mesh machine. */
  readonly state: () => StateReader;
  /** Orders what the ingresses have signed. */
  readonly submit: (counted: readonly Uint8Array[], signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
}

/** Collects from every other node's ingress how many requests the placements here have answered, and has it ordered. */
export interface RequestCounts {
  start(): void;
  stop(): Promise<void>;
}

export function createRequestCounts(components: RequestCountsComponents): RequestCounts {
  return new PeriodicCounts(components);
}

class PeriodicCounts implements RequestCounts {
  readonly #components: RequestCountsComponents;
  readonly #stopped = new AbortController();
  /** Newest count by placement and ingress: what has not changed is not sent again. */
  readonly #sent = new Map<string, number>();
  #round: Promise<void> | undefined;
  #cancel: () => void = () => undefined;

  constructor(components: RequestCountsComponents) {
    this.#components = components;
  }

  start(): void {
    this.#cancel = this.#components.clock.after(COUNT_INTERVAL_MS, () => {
      this.#round ??= this.#collect().finally(() => {
        this.#round = undefined;
      });
      if (!this.#stopped.signal.aborted) this.start();
    });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#cancel();
    await this.#round;
  }

  async #collect(): Promise<void> {
    const { node, agent, host, state, submit, onFailure } = this.#components;
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(ROUND_MS_MAX)]);
    const placements = agent.placements().filter(({ phase }) => phase === 'running');
    const ingresses = [...allNodes(state())].filter(({ id, ingress }) => ingress !== null && !equalBytes(id, node));
    const pairs = placements.flatMap(({ id }) => ingresses.map((ingress) => ({ placement: id, ingress }))).slice(0, COUNTS_PER_ROUND_MAX);
    const answers = await Promise.allSettled(
      pairs.map(async ({ placement, ingress }) => {
        const client = host.connect(workloadContract, { addresses: ingress.addresses, id: ingress.id, expect: 'bundle' });
        const { requests, counted } = await client.countersign({ placement }, { signal });
        return { key: `${placement}/${Buffer.from(ingress.id).toString('hex')}`, requests, counted };
      }),
    );
    const fresh = answers.flatMap((answer) => (answer.status === 'fulfilled' && this.#isFresh(answer.value) ? [answer.value] : []));
    try {
      if (fresh.length > 0)
        await submit(
          fresh.map(({ counted }) => counted),
          signal,
        );
      for (const { key, requests } of fresh) this.#sent.set(key, requests);
      this.#forget(placements.map(({ id }) => id));
    } catch (error) {
      if (!this.#stopped.signal.aborted) onFailure(error);
    }
  }

  #isFresh({ key, requests }: { readonly key: string; readonly requests: number }): boolean {
    return requests > (this.#sent.get(key) ?? 0);
  }

  #forget(placements: readonly string[]): void {
    const kept = new Set(placements);
    for (const key of this.#sent.keys()) if (!kept.has(key.slice(0, key.lastIndexOf('/')))) this.#sent.delete(key);
  }
}
