/** Runs pieces of work that share a key one after the other, and all others side by side. */
export class KeyedTurns {
  readonly #last: Map<string, Promise<void>> = new Map();

  /** All keys are taken in one step, so that no two pieces of work wait for each other. */
  run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const result = Promise.all(keys.map((key) => this.#last.get(key) ?? Promise.resolve())).then(work);
    const ended: Promise<void> = result.then(
      () => this.#forget(keys, ended),
      () => this.#forget(keys, ended),
    );
    for (const key of keys) this.#last.set(key, ended);
    return result;
  }

  #forget(keys: readonly string[], ended: Promise<void>): void {
    for (const key of keys) if (this.#last.get(key) === ended) this.#last.delete(key);
  }
}

/** The key of everything that issues or revokes certificates of the node. */
export function turnOfNode(nodeId: Uint8Array): string {
  return `node ${Buffer.from(nodeId).toString('hex')}`;
}
