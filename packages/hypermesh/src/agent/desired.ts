import type { HealthCheck } from '../mesh-machine/app.ts';
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
  readonly health: HealthCheck | null;
  /** Must not outlive the node's lease: runs under a watchdog. */
  readonly exclusive: boolean;
}

/** How long the node's lease surely holds. */
export interface LeaseDeadline {
  readonly number: number;
  /** Boot time in milliseconds. */
  readonly deadline: number;
}

/** What the agent reads of the agreed state. */
export interface DesiredState {
  placements(): readonly DesiredPlacement[];
  /** Exclusive placements whose end the mesh waits for: whoever does not run them says so. */
  closing(): readonly Pick<DesiredPlacement, 'id' | 'lease'>[];
  /** Null without a lease. */
  lease(): LeaseDeadline | null;
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
