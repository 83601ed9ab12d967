// Lines of output kept a workload, and characters of one line; what is older or longer is dropped.
export const LOG_LINES_MAX: number = 1_000;
export const LOG_LINE_LENGTH_MAX: number = 2_000;

/** The last lines of what a workload printed and of what is said of it. */
export class OutputLines {
  readonly #lines: string[] = [];

  /** Several lines become one. */
  add(text: string): void {
    const line = text.slice(0, LOG_LINE_LENGTH_MAX).replaceAll(/\r?\n\s*/gu, ' ');
    // A copy: a part of a string holds the whole. It also replaces the half of a surrogate pair that a cut may leave, which no message can carry.
    this.#lines.push(Buffer.from(line).toString());
    if (this.#lines.length > LOG_LINES_MAX) this.#lines.splice(0, this.#lines.length - LOG_LINES_MAX);
  }

  /** At most so many of the newest, oldest first; at least one is asked for. */
  last(linesMax: number): readonly string[] {
    return this.#lines.slice(-linesMax);
  }
}

/** Makes lines of a stream of text, in bounded memory whether or not it ever ends one. */
export class LineSplitter {
  readonly #emit: (line: string) => void;
  #unfinished = '';

  constructor(emit: (line: string) => void) {
    this.#emit = emit;
  }

  write(text: string): void {
    const [first = '', ...rest] = text.split('\n');
    this.#unfinished += first.slice(0, LOG_LINE_LENGTH_MAX - this.#unfinished.length);
    if (rest.length > LOG_LINES_MAX) rest.splice(0, rest.length - LOG_LINES_MAX);
    for (const next of rest) {
      this.#emit(this.#unfinished);
      this.#unfinished = next.slice(0, LOG_LINE_LENGTH_MAX);
    }
  }

  /** The stream is over. */
  end(): void {
    if (this.#unfinished !== '') this.#emit(this.#unfinished);
    this.#unfinished = '';
  }
}
