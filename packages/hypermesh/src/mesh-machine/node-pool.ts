import type { Candidate } from '../scheduler/schedule.ts';
import type { StateReader } from '../machine/machine.ts';
import type { App } from './app.ts';
import { heldLease } from './lease.ts';
import { allNodes, isInService, type MeshNode, readUsage } from './node.ts';
import type { Placement } from './placement.ts';
import { hex } from './table.ts';
import { currentVerdict } from './verdict.ts';

export interface SchedulableNode extends Candidate {
  readonly lease: number;
}

interface Standing {
  readonly node: MeshNode;
  readonly key: string;
  readonly lease: number | undefined;
  readonly inService: boolean;
  readonly proven: boolean;
}

/**
 * The nodes of the mesh for a run of placements. Placements change what nodes have free, which is read anew for each app; lease,
 * verdict and service stay as they are meanwhile and are read once, when first needed.
 */
export class NodePool {
  readonly #state: StateReader;
  #standings: readonly Standing[] | undefined;
  #examined = 0;

  constructor(state: StateReader) {
    this.#state = state;
  }

  /** Nodes looked at, once for each app. */
  get examined(): number {
    return this.#examined;
  }

  /** `present`: placements of the app that count against spreading. */
  candidates(app: App, present: readonly Placement[]): SchedulableNode[] {
    this.#standings ??= [...allNodes(this.#state)].map((node) => this.#standingOf(node));
    this.#examined += this.#standings.length;
    const replicas = new Map<string, number>();
    for (const { node } of present) replicas.set(hex(node), (replicas.get(hex(node)) ?? 0) + 1);
    const avoided = new Set(app.avoided.map(hex));
    return this.#standings.map(({ node, key, lease, inService, proven }) => ({
      node: node.id,
      packageKinds: node.packageKinds,
      capacity: node.capacity,
      used: readUsage(this.#state, node.id),
      cordoned: node.cordoned,
      inService,
      proven,
      leased: lease !== undefined,
      lease: lease ?? 0,
      replicas: replicas.get(key) ?? 0,
      avoided: avoided.has(key),
    }));
  }

  #standingOf(node: MeshNode): Standing {
    return {
      node,
      key: hex(node.id),
      lease: heldLease(this.#state, node.id)?.number,
      inService: isInService(this.#state, node.id),
      proven: currentVerdict(this.#state, node.id) !== undefined,
    };
  }
}
