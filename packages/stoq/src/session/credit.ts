import { stoqError } from '../errors.ts';

/** What this side may still send; limits only grow. */
export class SendCredit {
  #limit: number;
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  get left(): number {
    return this.#limit - this.#used;
  }

  use(bytes: number): void {
    this.#used += bytes;
  }

  raise(limit: number): void {
    this.#limit = Math.max(this.#limit, limit);
  }
}

/** What the peer may send, and when to tell it that it may send more. */
export class ReceiveCredit {
  readonly #windowBytes: number;
  #limit: number;
  #received = 0;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
    this.#limit = windowBytes;
  }

  get received(): number {
    return this.#received;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Bytes that arrived and were read at once. Throws `stoq.flow_violation`. */
  take(bytes: number): void {
    this.#received += bytes;
    if (this.#received > this.#limit) throw stoqError('stoq.flow_violation', { received: this.#received, limit: this.#limit });
  }

  /** The new limit to announce, or null while half of the window is still open, unless `eager`. */
  grant(eager: boolean): number | null {
    const limit = this.#received + this.#windowBytes;
    const news = limit - this.#limit;
    if (news === 0 || (!eager && news * 2 < this.#windowBytes)) return null;
    this.#limit = limit;
    return limit;
  }
}
