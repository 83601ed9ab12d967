// Lines of output kept a workload, and characters of one line; what is older or longer is dropped.
export const LOG_LINES_MAX: number = 1_000;
export const LOG_LINE_LENGTH_MAX: number = 2_000;

/** The last lines that a workload printed, for every driver. */
export class OutputLines {
  readonly #lines: string[] = [];

  add(line: string): void {
    this.#lines.push(line.slice(0, LOG_LINE_LENGTH_MAX));
    if (this.#lines.length > LOG_LINES_MAX) this.#lines.splice(0, this.#lines.length - LOG_LINES_MAX);
  }

  /** At most so many of the newest, oldest first; at least one is asked for. */
  last(linesMax: number): readonly string[] {
    return this.#lines.slice(-linesMax);
  }
}
