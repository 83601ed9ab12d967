/** Actions in the order of their times; those of one time in the order in which they were added. */
export class EventQueue {
  readonly #heap: Entry[] = [];
  #sequence = 0;

  get size(): number {
    return this.#heap.length;
  }

  add(atMs: number, action: () => void): void {
    const entry = { atMs, sequence: this.#sequence++, action };
    let index = this.#heap.length;
    this.#heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, this.#heap[parent] as Entry)) break;
      this.#heap[index] = this.#heap[parent] as Entry;
      index = parent;
    }
    this.#heap[index] = entry;
  }

  /** Undefined when nothing is left. */
  next(): Entry | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined || this.#heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.#heap.length) break;
      if (child + 1 < this.#heap.length && isBefore(this.#heap[child + 1] as Entry, this.#heap[child] as Entry)) child++;
      if (!isBefore(this.#heap[child] as Entry, last)) break;
      this.#heap[index] = this.#heap[child] as Entry;
      index = child;
    }
    this.#heap[index] = last;
    return first;
  }
}

export interface Entry {
  readonly atMs: number;
  readonly sequence: number;
  readonly action: () => void;
}

function isBefore(left: Entry, right: Entry): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.sequence < right.sequence);
}
