import type { Timer } from '../clock.ts';
import type { LiveStream } from './stream.ts';

// Late enough for many reads to share one frame; early enough that closing a quiet session waits for nothing.
const ACKNOWLEDGE_MS = 100;

/** Open streams of which bytes were read that no credit frame has told the peer about. */
export class Acknowledgements {
  readonly #timer: Timer;
  readonly #acknowledge: (stream: LiveStream) => void;
  readonly #streams = new Set<LiveStream>();
  #cancel: (() => void) | undefined;

  constructor(timer: Timer, acknowledge: (stream: LiveStream) => void) {
    this.#timer = timer;
    this.#acknowledge = acknowledge;
  }

  add(stream: LiveStream): void {
    this.#streams.add(stream);
    this.#cancel ??= this.#timer.after(ACKNOWLEDGE_MS, () => this.#run());
  }

  delete(stream: LiveStream): void {
    this.#streams.delete(stream);
  }

  stop(): void {
    this.#streams.clear();
    this.#cancel?.();
  }

  #run(): void {
    this.#cancel = undefined;
    for (const stream of this.#streams) this.#acknowledge(stream);
    this.#streams.clear();
  }
}
