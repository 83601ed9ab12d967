import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { hashLabelled } from '@hypermesh/stoq';
import { type CatalogErrorCode, catalogError } from '../errors.ts';
import { METERING_VERSION } from '../metering/limits.ts';
import { checkModule } from './module-check.ts';

/** Metered modules by the hash of their source, in a directory that only this node writes. */
export interface ModuleCache {
  /** The metered form of a checked module; throws `catalog.module_*`. */
  metered(source: Uint8Array): Promise<Uint8Array>;
}

export function createModuleCache(directory: string): ModuleCache {
  const underWay = new Map<string, Promise<Uint8Array>>();
  return {
    metered(source) {
      const key = Buffer.from(hashLabelled(`catalog/metered/${METERING_VERSION}`, source)).toString('hex');
      const known = underWay.get(key);
      if (known !== undefined) return known;
      const result = load(directory, key, source).finally(() => underWay.delete(key));
      underWay.set(key, result);
      return result;
    },
  };
}

async function load(directory: string, key: string, source: Uint8Array): Promise<Uint8Array> {
  const path = join(directory, `${key}.wasm`);
  const stored = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (stored !== undefined) return stored;
  checkModule(source);
  const metered = await meterInThread(source);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeDurably(path, metered);
  return metered;
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

function meterInThread(source: Uint8Array): Promise<Uint8Array> {
  const fromSource = import.meta.url.endsWith('.ts');
  const entry = new URL(fromSource ? './metering.entry.ts' : './metering.entry.js', import.meta.url);
  const execArgv = fromSource ? ['--conditions=@hypermesh/source'] : [];
  return new Promise((resolve, reject) => {
    // The compiler library writes its diagnostics to standard error; the refusal carries what matters.
    const thread = new Worker(entry, { workerData: source, execArgv, stderr: true });
    thread.once('message', (result: { module?: Uint8Array; code?: string; data?: Record<string, string> }) => {
      if (result.module !== undefined) resolve(result.module);
      else reject(catalogError(codeOf(result.code), result.data));
    });
    thread.once('error', (cause) => reject(catalogError('catalog.module_malformed', {}, { cause })));
  });
}

function codeOf(code: string | undefined): CatalogErrorCode {
  return code !== undefined && Object.hasOwn(catalogError.catalogue, code) ? (code as CatalogErrorCode) : 'catalog.module_malformed';
}
