import type { HybridPublicKey } from '@hypermesh/stoq';

/** One leased replica as the mesh machine records it: the unit of billing. */
export interface BilledPlacement {
  /** Unique in the mesh. */
  readonly id: string;
  readonly app: string;
  /** Owner id of the app, 32 bytes. */
  readonly appOwner: Uint8Array;
  /** Owner id of the node that leases its resources, 32 bytes. */
  readonly provider: Uint8Array;
  /** Block times in milliseconds; null while open. */
  readonly openedAt: number;
  readonly closedAt: number | null;
  readonly memoryBytes: number;
  /** Thousandths of one core. */
  readonly cpuMillis: number;
}

/** Who a node is, as far as its countersignature needs it. */
export interface BilledNode {
  /** Owner id, 32 bytes. */
  readonly owner: Uint8Array;
  readonly key: HybridPublicKey;
}

/** What Caesar reads of the mesh machine's state as of the previous block. */
export interface PlacementView {
  /** Open placements and closed ones that are kept until they are settled, in id order. */
  placements(): Iterable<BilledPlacement>;
  placement(id: string): BilledPlacement | undefined;
  node(id: Uint8Array): BilledNode | undefined;
}
