import type { RunResult } from './run.ts';

/** What a campaign has done so far. */
export interface Totals {
  readonly runs: number;
  readonly blocks: number;
  readonly evidence: number;
  readonly crashes: number;
  readonly stalls: number;
  readonly rejections: number;
  readonly messages: number;
  readonly simulatedMs: number;
}

export const NO_TOTALS: Totals = { runs: 0, blocks: 0, evidence: 0, crashes: 0, stalls: 0, rejections: 0, messages: 0, simulatedMs: 0 };

export function totalsOf({ height, counts, simulatedMs }: RunResult): Totals {
  return { runs: 1, blocks: height, simulatedMs, ...counts };
}

export function addTotals(left: Totals, right: Totals): Totals {
  return {
    runs: left.runs + right.runs,
    blocks: left.blocks + right.blocks,
    evidence: left.evidence + right.evidence,
    crashes: left.crashes + right.crashes,
    stalls: left.stalls + right.stalls,
    rejections: left.rejections + right.rejections,
    messages: left.messages + right.messages,
    simulatedMs: left.simulatedMs + right.simulatedMs,
  };
}
