import type { Metric } from './report/metric.ts';
import type { SharedMesh } from './mesh/shared-mesh.ts';

export interface SuiteContext {
  /** How often what is measured once a run is measured. */
  readonly runs: number;
  readonly signal: AbortSignal;
  readonly mesh: SharedMesh;
  readonly onProgress: (text: string) => void;
}

/** Measures one part of the stack, one figure after the other. */
export type Suite = (context: SuiteContext) => AsyncIterable<Metric>;
