import { strict as assert } from 'node:assert';
import { stoqError } from '../errors.ts';

export interface Startable {
  start(): Promise<void>;
  /** Idempotent; allowed after a start that failed. */
  stop(): Promise<void>;
}

/** A part of a daemon under the name that errors give it. */
export type NamedPart = readonly [name: string, part: Startable];

export interface LifeCycle extends Startable {
  /** Starts the parts in order; when one fails, stops those before it and throws `stoq.start_failed`. */
  start(): Promise<void>;
  /**
   * Stops what was started, in reverse, each part even when another fails; then throws `stoq.stop_failed` if one did.
   * During a start it lets the part under way finish, starts no more, and `start` throws `stoq.start_failed`.
   */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Runs parts as one. Starts once; a stopped life cycle stays stopped. */
export function createLifeCycle(parts: readonly NamedPart[]): LifeCycle {
  return new OrderedLifeCycle(parts);
}

/** Starts parts in order and answers what stops them. Throws `stoq.start_failed`, with nothing left running. */
export async function startAll(parts: readonly NamedPart[]): Promise<LifeCycle> {
  const lifeCycle = createLifeCycle(parts);
  await lifeCycle.start();
  return lifeCycle;
}

interface Failure {
  readonly part: string;
  readonly cause: unknown;
}

class OrderedLifeCycle implements LifeCycle {
  readonly #parts: readonly NamedPart[];
  readonly #started: NamedPart[] = [];
  #starting: Promise<Failure | undefined> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(parts: readonly NamedPart[]) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    assert(this.#starting === undefined, 'a life cycle starts once');
    this.#starting = this.#startParts();
    const failure = await this.#starting;
    if (failure === undefined) return;
    // What went wrong first is what the caller has to know; a failing undo would hide it.
    await this.stop().catch(() => {});
    throw stoqError('stoq.start_failed', { part: failure.part, reason: reasonOf(failure.cause) }, { cause: failure.cause });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopParts();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #startParts(): Promise<Failure | undefined> {
    for (const entry of this.#parts) {
      const [name, part] = entry;
      if (this.#stopping !== undefined) return { part: name, cause: 'stopped meanwhile' };
      try {
        await part.start();
      } catch (cause) {
        return { part: name, cause };
      }
      this.#started.push(entry);
    }
    return undefined;
  }

  async #stopParts(): Promise<void> {
    await this.#starting;
    const failures: Failure[] = [];
    for (let entry = this.#started.pop(); entry !== undefined; entry = this.#started.pop()) {
      const [name, part] = entry;
      await part.stop().catch((cause: unknown) => failures.push({ part: name, cause }));
    }
    const [first] = failures;
    if (first === undefined) return;
    const named = failures.map(({ part }) => part).join(' ');
    throw stoqError('stoq.stop_failed', { parts: named, reason: reasonOf(first.cause) }, { cause: first.cause });
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
