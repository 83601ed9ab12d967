import { byteKey } from './byte-key.ts';
import type { PendingDigests } from './pending-digests.ts';

/** The proposal of the current round until this validator votes or refuses. */
export class Candidate {
  readonly id: Uint8Array;
  readonly #proposer: number;
  /** Digests of batches that are not stored here yet; null until the block is in its place. */
  #missing: Map<string, Uint8Array> | null = null;
  #isRequested = false;

  constructor(id: Uint8Array, proposer: number) {
    this.id = id;
    this.#proposer = proposer;
  }

  get proposer(): number {
    return this.#proposer;
  }

  stored(digest: Uint8Array): void {
    this.#missing?.delete(byteKey(digest));
  }

  /** Digests to fetch before the vote. */
  missing(batches: readonly Uint8Array[], pending: PendingDigests): readonly Uint8Array[] {
    this.#missing ??= new Map(batches.filter((digest) => !pending.isStored(digest)).map((digest) => [byteKey(digest), digest]));
    return [...this.#missing.values()];
  }

  /** True once until `retry`: the batches are asked for. */
  request(): boolean {
    if (this.#isRequested) return false;
    this.#isRequested = true;
    return true;
  }

  retry(): void {
    this.#isRequested = false;
  }
}
