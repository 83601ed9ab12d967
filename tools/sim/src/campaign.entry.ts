import { parentPort } from 'node:worker_threads';
import type { Violation } from './campaign.ts';
import type { Plant } from './plants.ts';
import { runSchedule } from './run.ts';
import { addTotals, NO_TOTALS, type Totals, totalsOf } from './totals.ts';

/** Schedules of consecutive seeds. */
export interface Chunk {
  readonly seed: number;
  readonly runs: number;
  readonly plant: Plant | null;
}

export interface ChunkResult {
  readonly totals: Totals;
  readonly violation: Violation | null;
}

parentPort?.on('message', (chunk: Chunk) => parentPort?.postMessage(runChunk(chunk)));

function runChunk({ seed, runs, plant }: Chunk): ChunkResult {
  let totals = NO_TOTALS;
  for (let index = 0; index < runs; index++) {
    const result = runSchedule(seed + index, plant, false);
    totals = addTotals(totals, totalsOf(result));
    if (result.violation !== null) return { totals, violation: { seed: result.seed, violation: result.violation } };
  }
  return { totals, violation: null };
}
