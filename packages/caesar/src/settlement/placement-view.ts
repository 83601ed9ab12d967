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

/** A node with an ingress, as far as its countersignature needs it. */
export interface BilledNode {
  /** Owner id, 32 bytes. */
  readonly owner: Uint8Array;
  readonly key: HybridPublicKey;
}

/** What Caesar reads of the mesh machine's state as of the previous block. */
export interface PlacementView {
  /** Open placements and closed ones that are kept until they are settled: those whose ids come after `after`, in id order. */
  placements(after: string): Iterable<BilledPlacement>;
  /** Those of one app, whoever owns it, in id order. */
  placementsOf(app: string): Iterable<BilledPlacement>;
  placement(id: string): BilledPlacement | undefined;
  /** Undefined for whoever is no node with an ingress. */
  ingress(node: Uint8Array): BilledNode | undefined;
  /** Owner ids of the member and of those by whose invitations it is there, nearest first. */
  sponsors(member: Uint8Array): readonly Uint8Array[];
}
