import type { StateReader } from '../machine/machine.ts';
import { SortedKeys } from './sorted-keys.ts';
import { rootHash, type StateChange, type TreeNode, updateTree } from './sparse-tree.ts';

// Keys are composed of a few ids and names; the sorted map keeps them all in memory.
export const STATE_KEY_BYTES_MAX: number = 256;
const scratch = Buffer.alloc(STATE_KEY_BYTES_MAX);

/** What a block would make of a state: nothing is changed before `adopt`. */
export interface PreparedState {
  readonly changes: readonly StateChange[];
  readonly tree: TreeNode | null;
}

/** The state of one machine after the last executed block: an ordered map in memory and the Merkle tree over it. */
export class MachineState implements StateReader {
  readonly #entries = new Map<string, Uint8Array>();
  readonly #keys = new SortedKeys();
  #tree: TreeNode | null = null;

  get root(): Uint8Array {
    return rootHash(this.#tree);
  }

  /** The tree behind the root; it stays valid for this state after later blocks. */
  get tree(): TreeNode | null {
    return this.#tree;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.valueAt(nameOf(key));
  }

  /** As `get`, by the key in Latin-1 form. */
  valueAt(name: string): Uint8Array | undefined {
    return this.#entries.get(name);
  }

  *scan(prefix: Uint8Array): Generator<readonly [Uint8Array, Uint8Array], void> {
    for (const name of this.names(nameOf(prefix))) {
      const value = this.#entries.get(name);
      if (value !== undefined) yield [keyOf(name), value];
    }
  }

  /** Keys with the prefix in order, in Latin-1 form. */
  *names(prefix: string): Generator<string, void> {
    for (const name of this.#keys.from(prefix)) {
      if (!name.startsWith(prefix)) return;
      yield name;
    }
  }

  prepare(changes: readonly StateChange[]): PreparedState {
    return { changes, tree: updateTree(this.#tree, changes) };
  }

  adopt(prepared: PreparedState): void {
    for (const { name, value } of prepared.changes) {
      if (value === null) {
        this.#entries.delete(name);
        this.#keys.delete(name);
      } else {
        if (!this.#entries.has(name)) this.#keys.add(name);
        this.#entries.set(name, value);
      }
    }
    this.#tree = prepared.tree;
  }
}

/** The bytes as a string of one code unit each: usable as a map key, in the order of the bytes. */
export function nameOf(key: Uint8Array): string {
  if (key.length > STATE_KEY_BYTES_MAX) return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
  scratch.set(key);
  return scratch.toString('latin1', 0, key.length);
}

/** The inverse of `nameOf`. */
export function keyOf(name: string): Uint8Array {
  // A copy: machines see the key, and its memory must hold nothing else.
  return new Uint8Array(Buffer.from(name, 'latin1'));
}
