import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import type { GuestAnswer, GuestBroken, GuestReady, GuestRequest, GuestSetup } from './guest-protocol.ts';

// The guest process: its main thread supervises, a worker thread runs the guest. It ends when its parent does, because
// the channel to the parent closes then and this thread is never blocked by the guest.

// JavaScript heap and stack of the guest thread; the guest's own memory is bounded by its module.
const THREAD_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8, stackSizeMb: 4 };

let setup: GuestSetup | undefined;
let thread: Worker | undefined;
let current: { readonly id: number; readonly deadline: NodeJS.Timeout } | undefined;

process.on('message', (message: GuestSetup | GuestRequest) => {
  if (message.kind === 'setup') {
    setup = message;
    startThread(message, () => send({ kind: 'ready' }));
  } else {
    serve(message, setup);
  }
});
process.on('disconnect', () => {
  void thread?.terminate();
  clearTimeout(current?.deadline);
});

function startThread(config: GuestSetup, ready: () => void): void {
  const name = import.meta.url.endsWith('.ts') ? './guest-thread.entry.ts' : './guest-thread.entry.js';
  const started = new Worker(new URL(name, import.meta.url), {
    workerData: { modulePath: config.modulePath },
    resourceLimits: THREAD_LIMITS,
    env: {},
  });
  thread = started;
  started.on('message', (message: GuestReady | GuestAnswer) => {
    if (message.kind === 'ready') ready();
    else finish(message);
  });
  started.on('error', (error) => {
    if (started !== thread) return;
    if (current === undefined) send({ kind: 'broken', reason: error.message });
    else replaceThread({ outcome: 'failed', reason: error.message, fuelUsed: 0n, memoryBytes: 0, errors: '', denied: {} });
  });
}

/** The parent sends the next request when it has the answer to the last one. */
function serve(request: GuestRequest, config: GuestSetup | undefined): void {
  assert(config !== undefined && current === undefined);
  const deadline = setTimeout(() => replaceThread({ outcome: 'timeout' }), config.requestMsMax);
  current = { id: request.id, deadline };
  thread?.postMessage(request);
}

function finish(answer: GuestAnswer): void {
  if (current?.id !== answer.id) return;
  clearTimeout(current.deadline);
  current = undefined;
  send(answer);
}

/** Answers the current request, stops the thread wherever it is, and goes on with a new one. */
function replaceThread(result: GuestAnswer['result']): void {
  if (current === undefined || setup === undefined) return;
  clearTimeout(current.deadline);
  const answer: GuestAnswer = { kind: 'answer', id: current.id, result };
  const config = setup;
  const stopped = thread;
  thread = undefined;
  void stopped?.terminate().then(() =>
    startThread(config, () => {
      current = undefined;
      send(answer);
    }),
  );
}

function send(message: GuestReady | GuestAnswer | GuestBroken): void {
  if (process.connected) process.send?.(message);
}
