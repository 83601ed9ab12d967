import type { Findings } from './findings.ts';
import type { TestBed } from './mesh/test-bed.ts';

export const CAMPAIGNS = ['kills', 'exclusive', 'guests', 'outage'] as const;

export type CampaignName = (typeof CAMPAIGNS)[number];

export interface CampaignContext {
  readonly bed: TestBed;
  readonly rounds: number;
  readonly seed: number;
  readonly findings: Findings;
  readonly onProgress: (text: string) => void;
}

/** Causes one family of faults on a mesh that runs, and judges what must hold. */
export type Campaign = (context: CampaignContext) => Promise<void>;

export interface CampaignReport {
  readonly name: CampaignName;
  readonly durationMs: number;
  /** Before its end: what it has not judged may not hold. */
  readonly isInterrupted: boolean;
  readonly counts: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}
