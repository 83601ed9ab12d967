import { once } from 'node:events';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CodedError } from '@hypermesh/stoq';
import { type CatalogErrorCode, catalogError } from '../errors.ts';
import { forkConfined } from './confined-process.ts';
import type { MeteringResult, MeteringTask } from './metering-protocol.ts';

// Thirty megabytes of ordinary code take half a minute of a free core; other starts of the node wait meanwhile.
export const METERING_MS_MAX: number = 120_000;

// Memory of the compiler library, which lies outside the JavaScript heap: thirty megabytes of ordinary code take 700 MiB.
export const METERING_MEMORY_BYTES_MAX: number = 1024 * 1024 * 1024;

const PAGE_BYTES = 65_536;

// Its main thread holds the module on its way in and out.
const HEAP_MEGABYTES = 96;

/**
 * Checks and meters a module in a process of its own, which is gone when this settles. Throws `catalog.module_*`,
 * `catalog.metering_failed`.
 */
export async function meterModule(module: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  if (signal.aborted) throw givenUp();
  const name = import.meta.url.endsWith('.ts') ? './metering.entry.ts' : './metering.entry.js';
  const child = forkConfined(new URL(name, import.meta.url), {
    readable: ['binaryen', '@hypermesh/stoq/errors'].map((name) => dirname(fileURLToPath(import.meta.resolve(name)))),
    heapMegabytes: HEAP_MEGABYTES,
    options: [`--wasm-max-mem-pages=${METERING_MEMORY_BYTES_MAX / PAGE_BYTES}`],
  });
  // The compiler library writes its diagnostics there; the refusal carries what matters.
  child.stderr?.resume();
  const ended = new AbortController();
  try {
    const result = await new Promise<MeteringResult>((resolve, reject) => {
      child.once('message', resolve);
      child.once('error', (cause) => reject(catalogError('catalog.metering_failed', {}, { cause })));
      child.once('exit', (exitCode, by) => reject(catalogError('catalog.metering_failed', { exitCode, signal: by })));
      const given = { signal: ended.signal, once: true };
      signal.addEventListener('abort', () => reject(givenUp()), given);
      AbortSignal.timeout(METERING_MS_MAX).addEventListener(
        'abort',
        () => reject(catalogError('catalog.module_too_complex', { msMax: METERING_MS_MAX })),
        given,
      );
      // A process that has ended already is seen by its exit.
      child.send({ module } satisfies MeteringTask, () => undefined);
    });
    if (result.kind === 'metered') return result.module;
    throw catalogError(result.code, result.data);
  } finally {
    ended.abort();
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await once(child, 'exit');
  }
}

export function givenUp(): CodedError<CatalogErrorCode> {
  return catalogError('catalog.metering_failed', { reason: 'the start was given up' });
}
