import { parentPort, workerData } from 'node:worker_threads';
import { CodedError } from '@hypermesh/stoq/errors';
import { instrument, isExhausted } from '../metering/instrument.ts';
import { checkModule } from './module-check.ts';
import type { MeteringResult } from './metering-protocol.ts';

parentPort?.postMessage(metered(workerData as Uint8Array));

function metered(source: Uint8Array): MeteringResult {
  try {
    checkModule(source);
    return { kind: 'metered', module: instrument(source) };
  } catch (error) {
    if (error instanceof CodedError) return { kind: 'refused', code: error.code, data: error.data } as MeteringResult;
    if (isExhausted(error)) return { kind: 'refused', code: 'catalog.module_too_complex', data: { reason: error.message.slice(0, 200) } };
    // The compiler library throws objects of its own for forms that it does not know.
    return { kind: 'refused', code: 'catalog.module_malformed', data: { reason: 'outside the supported forms' } };
  }
}
