/** What placement knows of one node. */
export interface Candidate {
  readonly node: Uint8Array;
  readonly packageKinds: readonly string[];
  readonly capacity: Resources;
  readonly used: Resources;
  readonly cordoned: boolean;
  /** Whether processor and memory take part in placement. */
  readonly inService: boolean;
  /** Whether a recent verdict vouches for it. */
  readonly proven: boolean;
  readonly leased: boolean;
  /** Replicas of the app that it runs already. */
  readonly replicas: number;
  /** Whether a replica of the app failed there lately. */
  readonly avoided: boolean;
}

export interface Resources {
  /** Thousandths of one core. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly workloads: number;
}

/** What one replica needs. */
export interface Demand {
  readonly kind: string;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

/** Why a node cannot take a replica. The first two do not pass by themselves. */
export type Refusal = 'kind' | 'size' | 'lease' | 'cordoned' | 'service' | 'verdict' | 'capacity';

export type Choice<C extends Candidate> =
  | { readonly candidate: C }
  | { readonly candidate: undefined; readonly refusals: readonly Refusal[] };

const WORDS: Readonly<Record<Refusal, string>> = {
  kind: 'without a driver',
  size: 'too small',
  lease: 'without a lease',
  cordoned: 'cordoned',
  service: 'out of service',
  verdict: 'without a recent proof of state',
  capacity: 'full',
};

/** Filters, then takes the node with the fewest replicas of the app, then the most room. Pure; the same answer everywhere. */
export function schedule<C extends Candidate>(candidates: readonly C[], demand: Demand): Choice<C> {
  let best: C | undefined;
  const refusals: Refusal[] = [];
  for (const candidate of candidates) {
    const refusal = refusalOf(candidate, demand);
    if (refusal !== undefined) refusals.push(refusal);
    else if (best === undefined || isBetter(candidate, best, demand)) best = candidate;
  }
  return best === undefined ? { candidate: undefined, refusals } : { candidate: best };
}

/** Why the node can never take such a replica; undefined when waiting can help. */
export function lackOf({ packageKinds, capacity }: Pick<Candidate, 'packageKinds' | 'capacity'>, demand: Demand): Refusal | undefined {
  if (!packageKinds.includes(demand.kind)) return 'kind';
  return fits(capacity, demand) ? undefined : 'size';
}

/** One sentence for a person, e.g. `of 4 nodes: 1 cordoned, 3 full`. */
export function explain(refusals: readonly Refusal[]): string {
  const counts = (Object.keys(WORDS) as Refusal[])
    .map((refusal) => ({ refusal, count: refusals.filter((given) => given === refusal).length }))
    .filter(({ count }) => count > 0)
    .map(({ refusal, count }) => `${count} ${WORDS[refusal]}`);
  return refusals.length === 0 ? 'no node has described itself' : `of ${refusals.length} nodes: ${counts.join(', ')}`;
}

function refusalOf(candidate: Candidate, demand: Demand): Refusal | undefined {
  const { capacity, used } = candidate;
  const lack = lackOf(candidate, demand);
  if (lack !== undefined) return lack;
  if (!candidate.leased) return 'lease';
  if (candidate.cordoned) return 'cordoned';
  if (!candidate.inService) return 'service';
  if (!candidate.proven) return 'verdict';
  return fits(freeOf(capacity, used), demand) ? undefined : 'capacity';
}

function freeOf(capacity: Resources, used: Resources): Resources {
  return {
    cpuMillis: capacity.cpuMillis - used.cpuMillis,
    memoryBytes: capacity.memoryBytes - used.memoryBytes,
    workloads: capacity.workloads - used.workloads,
  };
}

function fits(room: Resources, demand: Demand): boolean {
  return room.cpuMillis >= demand.cpuMillis && room.memoryBytes >= demand.memoryBytes && room.workloads >= 1;
}

function isBetter(candidate: Candidate, best: Candidate, demand: Demand): boolean {
  if (candidate.avoided !== best.avoided) return best.avoided;
  if (candidate.replicas !== best.replicas) return candidate.replicas < best.replicas;
  const difference = roomAfter(candidate, demand) - roomAfter(best, demand);
  if (difference !== 0) return difference > 0;
  return Buffer.compare(candidate.node, best.node) < 0;
}

/** The scarcer share that stays free. Division of doubles is exact by IEEE 754, so the same on every machine. */
function roomAfter({ capacity, used }: Candidate, demand: Demand): number {
  return Math.min(
    (capacity.cpuMillis - used.cpuMillis - demand.cpuMillis) / capacity.cpuMillis,
    (capacity.memoryBytes - used.memoryBytes - demand.memoryBytes) / capacity.memoryBytes,
  );
}
