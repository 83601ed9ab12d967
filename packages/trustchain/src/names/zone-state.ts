import { bytes, type Codec, list, struct, uint } from '@hypermesh/stoq';
import type { Answer, Question } from './answer.ts';
import { type RecordSet, recordSetCodec, RECORD_TYPES } from './record.ts';

/** One name of the zone: whose it is, and what was published under it. */
export interface ZoneName {
  /** Node id, or the mesh id for names that the validators keep. */
  readonly owner: Uint8Array;
  readonly sets: readonly VersionedSet[];
}

/** The version of a withdrawn set stays, so that an older publication cannot bring it back. */
export interface VersionedSet {
  readonly version: number;
  readonly set: RecordSet;
}

// How long "there is nothing" may be believed: a service that starts is seen within a minute.
export const NEGATIVE_TTL_SECONDS: number = 60;

export const zoneNameCodec: Codec<ZoneName> = struct({
  owner: bytes(32),
  sets: list(struct({ version: uint(), set: recordSetCodec }), RECORD_TYPES.length),
});

/** The names of a zone in order, and the answers that follow from them. */
export class ZoneState {
  readonly #names: Map<string, ZoneName> = new Map();
  /** Names with at least one record, ascending. */
  #visible: string[] = [];

  get size(): number {
    return this.#names.size;
  }

  get(name: string): ZoneName | undefined {
    return this.#names.get(name);
  }

  set(name: string, entry: ZoneName): void {
    this.#names.set(name, entry);
    const at = this.#position(name);
    const shown = this.#visible[at] === name;
    if (isVisible(entry) && !shown) this.#visible.splice(at, 0, name);
    else if (!isVisible(entry) && shown) this.#visible.splice(at, 1);
  }

  delete(name: string): void {
    this.#names.delete(name);
    const at = this.#position(name);
    if (this.#visible[at] === name) this.#visible.splice(at, 1);
  }

  /** Names under which nothing is published any more. */
  *withdrawn(): Iterable<string> {
    for (const [name, entry] of this.#names) if (!isVisible(entry)) yield name;
  }

  /** Records, or the gap in which the question falls. */
  answer({ name, type }: Question): Answer {
    const sets = this.#names.get(name)?.sets.filter(({ set }) => set.records.length > 0) ?? [];
    const found = sets.find(({ set }) => set.type === type);
    if (found !== undefined) return { kind: 'records', ...found.set };
    const at = this.#position(name);
    const exists = this.#visible[at] === name;
    const from = exists ? name : (this.#visible[at - 1] ?? '');
    const to = this.#visible[exists ? at + 1 : at] ?? '';
    const types = (this.#names.get(from)?.sets ?? []).filter(({ set }) => set.records.length > 0).map(({ set }) => set.type);
    return { kind: 'denial', from, to, types: types.toSorted(), ttlSeconds: NEGATIVE_TTL_SECONDS };
  }

  /** Where the name is, or would be, among the visible ones. */
  #position(name: string): number {
    let low = 0;
    let high = this.#visible.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#visible[middle] as string) < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isVisible({ sets }: ZoneName): boolean {
  return sets.some(({ set }) => set.records.length > 0);
}
