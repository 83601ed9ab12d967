import { type Clock, equalBytes, type Host } from '@hypermesh/stoq';
import type { Agent } from '../agent/agent.ts';
import type { StateReader } from '../machine/machine.ts';
import { CLOSED_KEPT_MS } from '../mesh-machine/limits.ts';
import { allNodes } from '../mesh-machine/node.ts';
import { readPlacement } from '../mesh-machine/placement.ts';
import { workloadContract } from '../ingress/workload-contract.ts';

// Counts only grow, so a missed round costs nothing; settlement periods are longer.
export const COUNT_INTERVAL_MS: number = 10_000;

// Operations of one transaction: a round beyond it goes on with the next.
export const COUNTS_PER_ROUND_MAX: number = 500;

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

interface Count {
  /** Placement and ingress. */
  readonly key: string;
  /** Id of the ingress, in hex. */
  readonly signer: string;
  readonly requests: number;
  /** Countersigned and encoded. */
  readonly counted: Uint8Array;
}

export function createRequestCounts(components: RequestCountsComponents): RequestCounts {
  return new PeriodicCounts(components);
}

class PeriodicCounts implements RequestCounts {
  readonly #components: RequestCountsComponents;
  readonly #stopped = new AbortController();
  /** Placements that have run here and that ingresses may have counts of. */
  readonly #counted = new Set<string>();
  /** Newest count by placement and ingress: what has not changed is not sent again. */
  readonly #sent = new Map<string, number>();
  /** Where the next round begins among the pairs of placement and ingress. */
  #asked = 0;
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
    const { node, host, state } = this.#components;
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(ROUND_MS_MAX)]);
    const placements = this.#placements();
    const ingresses = [...allNodes(state())].filter(({ id, ingress }) => ingress !== null && !equalBytes(id, node));
    const pairs = this.#next(placements.flatMap((placement) => ingresses.map((ingress) => ({ placement, ingress }))));
    const answers = await Promise.allSettled(
      pairs.map(async ({ placement, ingress }) => {
        const client = host.connect(workloadContract, { addresses: ingress.addresses, id: ingress.id, expect: 'bundle' });
        const { requests, counted } = await client.countersign({ placement }, { signal });
        const signer = Buffer.from(ingress.id).toString('hex');
        return { key: `${placement}/${signer}`, signer, requests, counted };
      }),
    );
    const fresh = answers.flatMap((answer) => (answer.status === 'fulfilled' && this.#isFresh(answer.value) ? [answer.value] : []));
    await this.#order(fresh, signal);
    this.#forget(placements);
  }

  /** All together; when that is refused, those of each ingress by themselves, so that what one has signed costs no other's. */
  async #order(counts: readonly Count[], signal: AbortSignal): Promise<void> {
    if (counts.length === 0) return;
    try {
      const counted = counts.map((count) => count.counted);
      await this.#components.submit(counted, signal);
      for (const { key, requests } of counts) this.#sent.set(key, requests);
    } catch (error) {
      const bySigner = Object.values(Object.groupBy(counts, ({ signer }) => signer));
      if (bySigner.length > 1 && !signal.aborted) for (const own of bySigner) await this.#order(own ?? [], signal);
      else if (!this.#stopped.signal.aborted) this.#components.onFailure(error);
    }
  }

  /** Those that run here, and those that have until the ledger no longer waits for their counts. */
  #placements(): readonly string[] {
    const { agent, clock, state } = this.#components;
    for (const { id, phase } of agent.placements()) if (phase === 'running') this.#counted.add(id);
    for (const id of this.#counted) {
      const placement = readPlacement(state(), id);
      if (placement === undefined || clock.now() >= (placement.closedAt ?? Infinity) + CLOSED_KEPT_MS) this.#counted.delete(id);
    }
    return [...this.#counted];
  }

  /** The share of this round: the next round begins where it ends. */
  #next<Pair>(pairs: readonly Pair[]): readonly Pair[] {
    const from = this.#asked % Math.max(1, pairs.length);
    const next = [...pairs.slice(from), ...pairs.slice(0, from)].slice(0, COUNTS_PER_ROUND_MAX);
    this.#asked = from + next.length;
    return next;
  }

  #isFresh({ key, requests }: { readonly key: string; readonly requests: number }): boolean {
    return requests > (this.#sent.get(key) ?? 0);
  }

  #forget(placements: readonly string[]): void {
    const kept = new Set(placements);
    for (const key of this.#sent.keys()) if (!kept.has(key.slice(0, key.lastIndexOf('/')))) this.#sent.delete(key);
  }
}
