import { Level } from 'level';
import { trustError } from '../errors.ts';

/** What the index holds of one entry. */
export interface IndexedEntry {
  readonly hash: Uint8Array;
  /** Other keys to find it by; a later entry with the same key takes it over. */
  readonly keys: readonly string[];
}

/** Where entries are, by leaf hash and by key. Holds only what can be rebuilt from the entries. */
export interface LogIndex {
  /** Entries below this index are in. */
  size(): number;
  put(start: number, entries: readonly IndexedEntry[]): Promise<void>;
  /** Index of each entry, by its leaf hash; null for those that are not in. */
  findHashes(hashes: readonly Uint8Array[]): Promise<readonly (number | null)[]>;
  findKey(key: string): Promise<number | null>;
  clear(): Promise<void>;
  close(): Promise<void>;
}

const SIZE_KEY = 'size';

/** Opens or creates it. Throws `trustchain.log_locked` while another process holds it. */
export async function openLogIndex(directory: string): Promise<LogIndex> {
  const level = new Level<string, number>(directory, { valueEncoding: 'json' });
  try {
    await level.open();
  } catch (cause) {
    const { code } = (cause as { cause?: { code?: string } }).cause ?? {};
    throw trustError(code === 'LEVEL_LOCKED' ? 'trustchain.log_locked' : 'trustchain.log_corrupt', { file: 'index' }, { cause });
  }
  let size = (await level.get(SIZE_KEY)) ?? 0;
  return {
    size: () => size,
    async put(start, entries) {
      const batch = level.batch();
      entries.forEach(({ hash, keys }, i) => {
        batch.put(hashKey(hash), start + i);
        for (const key of keys) batch.put(`key:${key}`, start + i);
      });
      const end = Math.max(size, start + entries.length);
      await batch.put(SIZE_KEY, end).write();
      size = end;
    },
    findHashes: async (hashes) => (await level.getMany(hashes.map(hashKey))).map((found) => found ?? null),
    findKey: async (key) => (await level.get(`key:${key}`)) ?? null,
    async clear() {
      await level.clear();
      size = 0;
    },
    close: () => level.close(),
  };
}

function hashKey(hash: Uint8Array): string {
  return `hash:${Buffer.from(hash).toString('base64')}`;
}
