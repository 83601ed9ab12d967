import { byteKey } from './byte-key.ts';
import type { ChainBlock } from './block.ts';
import { ORDERED_DIGESTS_MAX, PENDING_DIGESTS_MAX } from './constants.ts';
import { RecentKeys } from './recent-keys.ts';

/** Digests whose batches are stored here: those that no committed block carries, in the order of arrival, and those ordered lately. */
export class PendingDigests {
  readonly #pending = new Map<string, Uint8Array>();
  readonly #ordered = new RecentKeys(ORDERED_DIGESTS_MAX);

  get size(): number {
    return this.#pending.size;
  }

  /** A digest beyond the limit is not held: its batch comes back with the proposal of another leader. */
  add(digest: Uint8Array): void {
    const key = byteKey(digest);
    if (this.#ordered.has(key) || this.#pending.size >= PENDING_DIGESTS_MAX) return;
    if (!this.#pending.has(key)) this.#pending.set(key, digest);
  }

  isStored(digest: Uint8Array): boolean {
    const key = byteKey(digest);
    return this.#pending.has(key) || this.#ordered.has(key);
  }

  order(digests: readonly Uint8Array[]): void {
    for (const digest of digests) {
      const key = byteKey(digest);
      this.#pending.delete(key);
      this.#ordered.add(key);
    }
  }

  /** The oldest that none of the blocks carries. */
  next(countMax: number, blocks: readonly ChainBlock[]): Uint8Array[] {
    const taken = new Set(blocks.flatMap(({ block }) => block.batches.map(byteKey)));
    const digests: Uint8Array[] = [];
    for (const [key, digest] of this.#pending) {
      if (digests.length >= countMax) break;
      if (!taken.has(key)) digests.push(digest);
    }
    return digests;
  }
}
