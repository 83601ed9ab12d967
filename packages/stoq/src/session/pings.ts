import type { Clock } from '../clock.ts';

/** Token of the pings that only ask for a sign of life. */
export const LIVENESS_TOKEN = 0;
const TOKEN_MAX = 0xffff_ffff;

interface Ping {
  readonly sentAt: number;
  readonly resolve: (ms: number) => void;
  readonly reject: (error: unknown) => void;
}

/** Pings under way, by token. */
export class Pings {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #send: (token: number) => void;
  readonly #underWay = new Map<number, Ping>();
  #last: number = LIVENESS_TOKEN;

  constructor(clock: Pick<Clock, 'monotonic'>, send: (token: number) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** Milliseconds until the answer. */
  async ping(signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    this.#last = this.#last === TOKEN_MAX ? LIVENESS_TOKEN + 1 : this.#last + 1;
    const token = this.#last;
    const answer = Promise.withResolvers<number>();
    const giveUp = (): void => answer.reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    this.#underWay.set(token, { sentAt: this.#clock.monotonic(), resolve: answer.resolve, reject: answer.reject });
    this.#send(token);
    try {
      return await answer.promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
      this.#underWay.delete(token);
    }
  }

  /** Answers nobody asked for are ignored. */
  answered(token: number): void {
    const ping = this.#underWay.get(token);
    ping?.resolve(this.#clock.monotonic() - ping.sentAt);
  }

  fail(reason: Error): void {
    for (const ping of this.#underWay.values()) ping.reject(reason);
  }
}
