import type { WorkloadLimits } from '../runtime/driver.ts';

/** One placement that the agreed state gives to this node. */
export interface DesiredPlacement {
  readonly id: string;
  readonly lease: number;
  readonly app: string;
  /** Identity of the package and content address of its manifest, 32 bytes each. */
  readonly packageRoot: Uint8Array;
  readonly manifest: Uint8Array;
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  readonly limits: WorkloadLimits;
  readonly exclusive: boolean;
}

/** What the agent reads of the agreed state. */
export interface DesiredState {
  placements(): readonly DesiredPlacement[];
  /** Boot time in milliseconds until which the node's lease surely holds; null without one. */
  leaseDeadline(): number | null;
  /** Calls back after each change; returns the unsubscribe function. */
  onChange(listener: () => void): () => void;
}

/** A verified package on disk. */
export interface FetchedPackage {
  readonly directory: string;
  readonly kind: string;
  readonly entry: string;
}

export interface PackageSource {
  fetch(placement: DesiredPlacement, signal: AbortSignal): Promise<FetchedPackage>;
}

/** What became of a placement here, for the mesh machine and for people. */
export interface PlacementReport {
  readonly id: string;
  readonly lease: number;
  readonly state: 'starting' | 'ready' | 'failed' | 'stopped';
  /** Error code; empty unless failed. */
  readonly reason: string;
}
