import type { ApplyContext, StateReader, StateWriter } from '@hypermesh/mesh/machine';

/** A real ordered map as machine state. */
export function createMapState(): StateWriter & { copy(): StateWriter } {
  return mapState(new Map());
}

function mapState(entries: Map<string, Uint8Array>): StateWriter & { copy(): StateWriter } {
  const keyOf = (key: Uint8Array): string => Buffer.from(key).toString('latin1');
  return {
    get: (key) => entries.get(keyOf(key)),
    set: (key, value) => void entries.set(keyOf(key), Uint8Array.from(value)),
    delete: (key) => void entries.delete(keyOf(key)),
    *scan(prefix) {
      const start = keyOf(prefix);
      for (const key of [...entries.keys()].filter((candidate) => candidate.startsWith(start)).sort()) {
        yield [Buffer.from(key, 'latin1'), entries.get(key) as Uint8Array] as const;
      }
    },
    copy: () => mapState(new Map(entries)),
  };
}

export function contextOf(owner: Uint8Array, time: number, mesh?: StateReader): ApplyContext {
  return {
    time,
    height: 1,
    blockId: new Uint8Array(32),
    transactionId: new Uint8Array(32),
    owner,
    view: (name) => (name === 'mesh' ? mesh : undefined),
  };
}

export function idOf(n: number): Uint8Array {
  const id = new Uint8Array(16);
  new DataView(id.buffer).setUint32(0, n);
  return id;
}
