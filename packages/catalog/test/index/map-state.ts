import type { ApplyContext, StateWriter } from '@hypermesh/mesh/machine';

/** A real ordered map as machine state. */
export function createMapState(): StateWriter {
  const entries = new Map<string, Uint8Array>();
  const keyOf = (key: Uint8Array): string => Buffer.from(key).toString('latin1');
  return {
    get: (key) => entries.get(keyOf(key)),
    set: (key, value) => void entries.set(keyOf(key), Uint8Array.from(value)),
    delete: (key) => void entries.delete(keyOf(key)),
    *scan(prefix) {
      const start = keyOf(prefix);
      for (const key of [...entries.keys()].filter((candidate) => candidate.startsWith(start)).toSorted()) {
        yield [Buffer.from(key, 'latin1'), entries.get(key) as Uint8Array] as const;
      }
    },
  };
}

export function contextOf(owner: Uint8Array, time: number): ApplyContext {
  const nothing = new Uint8Array(32);
  return { time, height: 1, blockId: nothing, transactionId: nothing, owner, view: () => undefined };
}
