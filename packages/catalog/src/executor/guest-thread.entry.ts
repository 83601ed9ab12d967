import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { GuestRequest } from './guest-protocol.ts';
import { runGuest } from './guest-run.ts';

// The thread that runs guest code: it may be stopped at any instruction, so it holds nothing but the module.
const module = new WebAssembly.Module(readFileSync((workerData as { modulePath: string }).modulePath));

const host = {
  now: (): bigint => BigInt(Date.now()) * 1_000_000n,
  monotonic: (): bigint => process.hrtime.bigint(),
  fillRandom: (target: Uint8Array): void => void randomFillSync(target),
};

parentPort?.on('message', ({ id, input }: GuestRequest) => {
  parentPort?.postMessage({ kind: 'answer', id, result: runGuest(module, input, host) });
});
parentPort?.postMessage({ kind: 'ready' });
