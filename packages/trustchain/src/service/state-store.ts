import { Level } from 'level';
import { trustError } from '../errors.ts';

/** One named table of the daemon's state. A write is on disk when it resolves. */
export interface DurableMap {
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, value: Uint8Array): Promise<void>;
  /** All of them or none. */
  putAll(entries: readonly (readonly [key: string, value: Uint8Array])[]): Promise<void>;
  delete(key: string): Promise<void>;
  /** In key order, those with the prefix, by default from the first on. */
  entries(prefix?: string, from?: string): AsyncIterable<readonly [key: string, value: Uint8Array]>;
}

/** Owner of the daemon's LevelDB; one process holds it open. */
export interface StateStore {
  /** Names are a word of the code. */
  map(name: string): DurableMap;
  close(): Promise<void>;
}

// Sorts after every key that starts with the prefix: keys are ASCII.
const AFTER_ASCII = '\x7f';

/** Opens or creates the state. Throws `trustchain.state_corrupt` when LevelDB refuses what is there. */
export async function openStateStore(path: string): Promise<StateStore> {
  const level = new Level<string, Uint8Array>(path, { keyEncoding: 'utf8', valueEncoding: 'view' });
  try {
    await level.open();
  } catch (cause) {
    throw trustError('trustchain.state_corrupt', { path }, { cause });
  }
  return {
    map: (name) => mapOf(level, `${name}/`),
    close: () => level.close(),
  };
}

function mapOf(level: Level<string, Uint8Array>, space: string): DurableMap {
  return {
    get: (key) => level.get(space + key),
    put: (key, value) => level.put(space + key, value, { sync: true }),
    putAll: (entries) =>
      level.batch(
        entries.map(([key, value]) => ({ type: 'put', key: space + key, value })),
        { sync: true },
      ),
    delete: (key) => level.del(space + key, { sync: true }),
    async *entries(prefix = '', from = prefix) {
      for await (const [key, value] of level.iterator({ gte: space + from, lt: space + prefix + AFTER_ASCII })) {
        yield [key.slice(space.length), value] as const;
      }
    },
  };
}
