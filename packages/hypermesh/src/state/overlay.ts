import { SPENT, type StateWriter } from '../machine/machine.ts';
import { hypermeshError } from '../errors.ts';
import { keyOf, type MachineState, nameOf, STATE_KEY_BYTES_MAX } from './machine-state.ts';
import { SortedKeys } from './sorted-keys.ts';
import type { StateChange } from './sparse-tree.ts';

// One value is written whole for each change; larger things are blobs.
export const STATE_VALUE_BYTES_MAX: number = 1024 * 1024;

const SPENT_START = `${SPENT}/`;

interface Undo {
  readonly name: string;
  readonly before: Uint8Array | null | undefined;
}

/** The writes of one block over a machine's state; the state itself stays as the previous block left it. */
export class Overlay implements StateWriter {
  readonly #base: MachineState;
  /**
   * What differs from the base, null for what is deleted; the deletion of what the base never had leaves nothing, so that no scan walks
   * over it.
   */
  readonly #changes = new Map<string, Uint8Array | null>();
  readonly #keys = new SortedKeys();
  readonly #undo: Undo[] = [];

  constructor(base: MachineState) {
    this.#base = base;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const name = nameOf(key);
    const value = this.#changes.get(name);
    return value === undefined ? this.#base.valueAt(name) : (value ?? undefined);
  }

  /** Writes made between two steps are seen when they lie further on. */
  *scan(prefix: Uint8Array): Generator<readonly [Uint8Array, Uint8Array], void> {
    const start = nameOf(prefix);
    const below = this.#base.names(start);
    let kept = below.next();
    let written = this.#keys.first(start);
    for (;;) {
      const above = written?.startsWith(start) ? written : undefined;
      if (above === undefined && kept.done) return;
      const name = above === undefined || (!kept.done && kept.value < above) ? (kept.value as string) : above;
      const key = keyOf(name);
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
      if (!kept.done && kept.value === name) kept = below.next();
      written = this.#keys.firstAfter(name);
    }
  }

  set(key: Uint8Array, value: Uint8Array): void {
    if (key.length > STATE_KEY_BYTES_MAX) throw hypermeshError('hypermesh.state_limit', { keyBytesMax: STATE_KEY_BYTES_MAX });
    if (value.length > STATE_VALUE_BYTES_MAX) throw hypermeshError('hypermesh.state_limit', { valueBytesMax: STATE_VALUE_BYTES_MAX });
    // A copy: what a machine does with its buffers afterwards must not reach the state.
    this.#write(nameOf(key), new Uint8Array(value));
  }

  delete(key: Uint8Array): void {
    if (this.get(key) !== undefined) this.#write(nameOf(key), null);
  }

  /** A point to which `undoTo` returns; keys below `SPENT` stay. */
  mark(): number {
    return this.#undo.length;
  }

  undoTo(mark: number): void {
    while (this.#undo.length > mark) {
      const { name, before } = this.#undo.pop() as Undo;
      this.#put(name, before);
    }
  }

  /** One change a key, in key order. */
  changes(): StateChange[] {
    return this.#keys.all().map((name) => ({ name, value: this.#changes.get(name) as Uint8Array | null }));
  }

  #write(name: string, value: Uint8Array | null): void {
    if (!name.startsWith(SPENT_START)) this.#undo.push({ name, before: this.#changes.get(name) });
    this.#put(name, value === null && this.#base.valueAt(name) === undefined ? undefined : value);
  }

  #put(name: string, value: Uint8Array | null | undefined): void {
    if (value === undefined) {
      this.#changes.delete(name);
      this.#keys.delete(name);
    } else {
      if (!this.#changes.has(name)) this.#keys.add(name);
      this.#changes.set(name, value);
    }
  }
}
