// Inserting moves at most this many pointers; a million keys are then some two thousand chunks.
const CHUNK_KEYS_MAX = 1024;

/** A set of strings in code-unit order: the order of the bytes when strings are Latin-1 forms of byte strings. */
export class SortedKeys {
  readonly #chunks: string[][] = [];
  #version = 0;

  add(key: string): void {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([key]);
      this.#version++;
      return;
    }
    const index = lowerBound(chunk, key);
    if (chunk[index] === key) return;
    chunk.splice(index, 0, key);
    if (chunk.length > CHUNK_KEYS_MAX) this.#chunks.splice(at + 1, 0, chunk.splice(chunk.length >> 1));
    this.#version++;
  }

  delete(key: string): void {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    const index = chunk === undefined ? -1 : lowerBound(chunk, key);
    if (chunk === undefined || chunk[index] !== key) return;
    chunk.splice(index, 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
    this.#version++;
  }

  /** Every key, in order. */
  all(): string[] {
    return this.#chunks.flat();
  }

  /** Keys from the first that is not below `from`, in order. Keys may change meanwhile: it goes on after the last one given. */
  *from(from: string): Generator<string, void> {
    let [at, index] = this.#seek(from);
    let version = this.#version;
    for (;;) {
      const chunk = this.#chunks[at];
      if (chunk === undefined) return;
      const key = chunk[index];
      if (key === undefined) {
        at++;
        index = 0;
        continue;
      }
      yield key;
      index++;
      if (version !== this.#version) {
        version = this.#version;
        [at, index] = this.#seek(key);
        if (this.#chunks[at]?.[index] === key) index++;
      }
    }
  }

  /** The first key that is not below `key`. */
  first(key: string): string | undefined {
    const [at, index] = this.#seek(key);
    return this.#chunks[at]?.[index] ?? this.#chunks[at + 1]?.[0];
  }

  /** The first key above `key`. */
  firstAfter(key: string): string | undefined {
    // No string lies between a key and the key with the lowest code unit after it.
    return this.first(`${key}\u0000`);
  }

  #seek(key: string): [chunk: number, index: number] {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    return [at, chunk === undefined ? 0 : lowerBound(chunk, key)];
  }

  /** The last chunk whose first key is not above `key`; the first chunk when there is none. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#chunks[middle]?.[0] as string) <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
