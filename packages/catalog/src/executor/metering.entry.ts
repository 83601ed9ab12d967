import { Worker } from 'node:worker_threads';
import type { MeteringResult, MeteringTask } from './metering-protocol.ts';

// The process that checks and meters one module: a thread does the work, this one supervises and ends with the parent.

// Heap of the thread: what it notes of 50,000 functions takes some 100 MiB. The compiler library's own memory is bounded
// by the process's options.
const THREAD_LIMITS = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };

process.once('message', ({ module }: MeteringTask) => {
  const name = import.meta.url.endsWith('.ts') ? './metering-thread.entry.ts' : './metering-thread.entry.js';
  const thread = new Worker(new URL(name, import.meta.url), { workerData: module, resourceLimits: THREAD_LIMITS, env: {} });
  thread.once('message', answer);
  // The thread answers for everything but the end of its heap.
  thread.once('error', (error: Error) => {
    answer({ kind: 'refused', code: 'catalog.module_too_complex', data: { reason: error.message } });
  });
});
process.on('disconnect', () => process.exit());

function answer(result: MeteringResult): void {
  process.send?.(result, undefined, undefined, () => process.exit());
}
