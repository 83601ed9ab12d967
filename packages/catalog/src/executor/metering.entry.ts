import { parentPort, workerData } from 'node:worker_threads';
import { instrument } from '../metering/instrument.ts';

// Metering takes up to seconds of one core for a large module, so it has a thread of its own.
const result = ((): object => {
  try {
    return { module: instrument(workerData as Uint8Array) };
  } catch (error) {
    const { code, message, data } = error as { code?: string; message: string; data?: object };
    return { code, message, data };
  }
})();
parentPort?.postMessage(result);
