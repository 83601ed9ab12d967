import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Chunk, ChunkResult } from './campaign.entry.ts';
import type { Plant } from './plants.ts';
import { addTotals, NO_TOTALS, type Totals } from './totals.ts';

export interface CampaignOptions {
  /** Of the first schedule; the others follow one by one. */
  readonly seed: number;
  readonly runs: number;
  readonly threads: number;
  readonly plant: Plant | null;
  readonly onProgress: (totals: Totals) => void;
}

export interface Violation {
  readonly seed: number;
  readonly violation: string;
}

export interface CampaignResult {
  readonly totals: Totals;
  /** Of the lowest seed among the schedules that ran; the campaign ends with the first. */
  readonly violation: Violation | null;
}

// A second of work: progress stays visible, and a violation ends the campaign soon.
const CHUNK_RUNS = 100;

/** Runs the schedules in worker threads. The result depends on the options alone, except how far it went after a violation. */
export async function runCampaign({ seed, runs, threads, plant, onProgress }: CampaignOptions): Promise<CampaignResult> {
  const end = seed + runs;
  let next = seed;
  let totals = NO_TOTALS;
  let violation: Violation | null = null;
  const takeChunk = (): Chunk | null => {
    if (violation !== null || next >= end) return null;
    const chunk = { seed: next, runs: Math.min(CHUNK_RUNS, end - next), plant };
    next += chunk.runs;
    return chunk;
  };
  const takeResult = (result: ChunkResult): void => {
    totals = addTotals(totals, result.totals);
    if (result.violation !== null && (violation === null || result.violation.seed < violation.seed)) violation = result.violation;
    onProgress(totals);
  };
  const threadCount = Math.min(threads, Math.ceil(runs / CHUNK_RUNS));
  await Promise.all(Array.from({ length: threadCount }, () => runThread(takeChunk, takeResult)));
  return { totals, violation };
}

/** One worker, from its first chunk to its last. */
async function runThread(takeChunk: () => Chunk | null, takeResult: (result: ChunkResult) => void): Promise<void> {
  const extension = extname(import.meta.url);
  const execArgv = extension === '.ts' ? ['--conditions=@hypermesh/source'] : [];
  const worker = new Worker(new URL(`./campaign.entry${extension}`, import.meta.url), { execArgv });
  await new Promise<void>((resolve, reject) => {
    const proceed = (): void => {
      const chunk = takeChunk();
      if (chunk === null) resolve();
      else worker.postMessage(chunk);
    };
    worker.on('error', reject);
    worker.on('message', (result: ChunkResult) => {
      takeResult(result);
      proceed();
    });
    proceed();
  });
  await worker.terminate();
}
