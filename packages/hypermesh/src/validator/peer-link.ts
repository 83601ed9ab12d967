import type { Client, Clock } from '@hypermesh/stoq';
import type { ConsensusMethods } from './consensus-contract.ts';

export interface PeerLinkComponents {
  readonly client: Client<ConsensusMethods>;
  readonly clock: Clock;
  /** The peer answers, for the first time or again. */
  readonly connected: () => void;
}

// Messages under way to one peer; a peer that is that slow loses further ones, which consensus bears.
export const MESSAGES_UNDER_WAY_MAX: number = 64;
// A validator that restarts is found again within a round.
export const PROBE_MS_MIN: number = 100;
// A validator that is away for long costs one attempt in this time.
export const PROBE_MS_MAX: number = 2_000;

/** The way to one other validator. Knows whether it answers, and keeps asking while it does not. */
export class PeerLink {
  readonly index: number;
  readonly name: string;
  readonly #components: PeerLinkComponents;
  readonly #stopping = new AbortController();
  #isUp = false;
  #isProbing = false;
  #underWay = 0;
  #cancelTimer: () => void = () => {};
  #wake: (() => void) | undefined;

  constructor(index: number, name: string, components: PeerLinkComponents) {
    this.index = index;
    this.name = name;
    this.#components = components;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  start(): void {
    void this.#probe();
  }

  stop(): void {
    this.#stopping.abort();
    this.#cancelTimer();
    this.#wake?.();
  }

  /** The peer has called: if it was taken to be away, it is tried at once. */
  heard(): void {
    this.#wake?.();
  }

  /** Best effort; false when it was not even tried. */
  send(message: Uint8Array): boolean {
    if (!this.#isUp || this.#underWay >= MESSAGES_UNDER_WAY_MAX) return false;
    this.#underWay++;
    void this.#settled(this.#components.client.message({ message }, { signal: this.#stopping.signal })).finally(() => this.#underWay--);
    return true;
  }

  /** Best effort. */
  storeBatch(batch: Uint8Array): void {
    if (this.#isUp) void this.#settled(this.#components.client.storeBatch({ batch }, { signal: this.#stopping.signal }));
  }

  async batch(digest: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    return (await this.#components.client.batch({ digest }, { signal: AbortSignal.any([this.#stopping.signal, signal]) })).batch;
  }

  async blocks(blockId: Uint8Array, afterHeight: number, signal: AbortSignal): Promise<readonly Uint8Array[]> {
    const options = { signal: AbortSignal.any([this.#stopping.signal, signal]) };
    return (await this.#components.client.blocks({ blockId, afterHeight }, options)).blocks;
  }

  /** A call that failed says that messages may have been missed: the peer is greeted anew once it answers. */
  async #settled(call: Promise<unknown>): Promise<void> {
    try {
      await call;
    } catch {
      this.#isUp = false;
      void this.#probe();
    }
  }

  async #probe(): Promise<void> {
    if (this.#isProbing) return;
    this.#isProbing = true;
    for (let delayMs = PROBE_MS_MIN; !this.#stopping.signal.aborted; delayMs = Math.min(PROBE_MS_MAX, delayMs * 2)) {
      if (await this.#answers()) {
        this.#isProbing = false;
        this.#isUp = true;
        this.#components.connected();
        return;
      }
      await this.#pause(delayMs);
    }
  }

  async #answers(): Promise<boolean> {
    try {
      await this.#components.client.hello({}, { signal: this.#stopping.signal });
      return !this.#stopping.signal.aborted;
    } catch {
      return false;
    }
  }

  #pause(delayMs: number): Promise<void> {
    if (this.#stopping.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        this.#cancelTimer();
        resolve();
      };
      this.#cancelTimer = this.#components.clock.after(delayMs, () => this.#wake?.());
    });
  }
}
