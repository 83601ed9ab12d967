import type { ConsensusEffect } from '../consensus/events.ts';

export type PersistEffect = Extract<ConsensusEffect, { kind: 'persist' }>;
export type OtherEffect = Exclude<ConsensusEffect, PersistEffect>;

export interface EffectQueueComponents {
  /** Resolves when durable. */
  readonly persist: (effect: PersistEffect) => Promise<void>;
  readonly perform: (effect: OtherEffect) => void;
  /** Persisting or performing failed: nothing after it is performed, now or later. */
  readonly failed: (error: unknown) => void;
}

/** Effects in the order in which consensus gave them; each starts only after every `persist` before it is durable. */
export class EffectQueue {
  readonly #components: EffectQueueComponents;
  readonly #queue: (OtherEffect | Promise<void>)[] = [];
  #running = false;
  #closed = false;

  constructor(components: EffectQueueComponents) {
    this.#components = components;
  }

  push(effects: readonly ConsensusEffect[]): void {
    if (this.#closed) return;
    // Writing begins at once, so that neighbours share one write.
    for (const effect of effects) this.#queue.push(effect.kind === 'persist' ? this.#persist(effect) : effect);
    if (!this.#running) void this.#run();
  }

  /** Drops what has not started. */
  close(): void {
    this.#closed = true;
    this.#queue.length = 0;
  }

  #persist(effect: PersistEffect): Promise<void> {
    const written = this.#components.persist(effect);
    // Its failure is met when its turn comes, or has been met by one before it.
    written.catch(() => {});
    return written;
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        if (next instanceof Promise) await next;
        else this.#components.perform(next);
      }
    } catch (error) {
      const wasClosed = this.#closed;
      this.close();
      if (!wasClosed) this.#components.failed(error);
    } finally {
      this.#running = false;
    }
  }
}
