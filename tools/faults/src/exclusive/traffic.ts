import { setTimeout as pause } from 'node:timers/promises';

/** What an instance said of itself: its replica, its node, its clock in milliseconds since the epoch. */
export interface Answer {
  readonly node: string;
  readonly replica: string;
  readonly at: number;
}

const INTERVAL_MS = 40;
const REQUEST_MS_MAX = 8_000;

/** Sends requests for an app to doors in turn until disposed, and keeps every answer. */
export class Traffic implements AsyncDisposable {
  readonly answers: Answer[] = [];
  readonly #app: string;
  readonly #doors: () => readonly string[];
  readonly #pending = new Set<Promise<void>>();
  readonly #ended = new AbortController();
  readonly #loop: Promise<void>;
  failed = 0;
  /** The longest time that an answer took. */
  slowestMs = 0;

  /** `doors`: `http://host:port` of those that may be asked now. */
  constructor(app: string, doors: () => readonly string[]) {
    this.#app = app;
    this.#doors = doors;
    this.#loop = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#loop;
    await Promise.all(this.#pending);
  }

  async #run(): Promise<void> {
    for (let turn = 0; !this.#ended.signal.aborted; turn++) {
      const doors = this.#doors();
      const door = doors[turn % doors.length];
      if (door !== undefined) {
        const request = this.#ask(door).finally(() => this.#pending.delete(request));
        this.#pending.add(request);
      }
      await pause(INTERVAL_MS);
    }
  }

  async #ask(door: string): Promise<void> {
    const startedAt = performance.now();
    try {
      const response = await fetch(`${door}/${this.#app}/`, { signal: AbortSignal.timeout(REQUEST_MS_MAX) });
      const body = (await response.json()) as Answer;
      if (response.ok) {
        this.answers.push(body);
        this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt);
      } else this.failed++;
    } catch {
      this.failed++;
    }
  }
}
