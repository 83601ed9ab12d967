import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { hashLabelled } from '@hypermesh/stoq';
import { METERING_VERSION } from '../metering/limits.ts';
import { givenUp, meterModule } from './metering-process.ts';

/** Metered modules by the hash of their source, in a directory that only this node writes. */
export interface ModuleCache {
  /** The metered form of a checked module; throws `catalog.module_*`, `catalog.metering_failed`. */
  metered(source: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
}

export function createModuleCache(directory: string): ModuleCache {
  // One module at a time is metered: each may take a core and more than a gibibyte.
  let last: Promise<unknown> = Promise.resolve();
  return {
    async metered(source, signal) {
      const key = Buffer.from(hashLabelled(`catalog/metered/${METERING_VERSION}`, source)).toString('hex');
      const path = join(directory, `${key}.wasm`);
      const stored = await readStored(path);
      if (stored !== undefined) return stored;
      const turn = last.then(async () => (await readStored(path)) ?? meter(path, source, signal));
      last = turn.catch(() => undefined);
      return unlessAborted(turn, signal);
    },
  };

  async function meter(path: string, source: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const metered = await meterModule(source, signal);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await writeDurably(path, metered);
    return metered;
  }
}

/** Who waits leaves the line at once. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(givenUp());
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

function readStored(path: string): Promise<Uint8Array | undefined> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
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
