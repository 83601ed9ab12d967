/** What a campaign has counted, and what it found that must not be. */
export class Findings {
  readonly #signal: AbortSignal;
  readonly #counts = new Map<string, number>();
  readonly #violations: string[] = [];

  /** What fails once `signal` is aborted fails because of that and is no finding. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  count(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  /** Keeps the largest value, e.g. of a delay in milliseconds. */
  highest(name: string, value: number): void {
    this.#counts.set(name, Math.max(this.#counts.get(name) ?? -Infinity, Math.round(value)));
  }

  /** Keeps how long the slowest run of a step took. */
  async timed<T>(step: string, run: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await run();
    } finally {
      this.highest(`${step}, longest, ms`, performance.now() - startedAt);
    }
  }

  violation(text: string): void {
    if (!this.#signal.aborted) this.#violations.push(text);
  }

  /** A violation unless `holds`; answers whether it holds. */
  expect(holds: boolean, text: string): boolean {
    if (!holds) this.violation(text);
    return holds;
  }

  /** Runs a check; what it throws is a violation. */
  async check(what: string, check: () => Promise<void>): Promise<void> {
    try {
      await check();
    } catch (error) {
      this.violation(`${what}: ${describe(error)}`);
    }
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  get violations(): readonly string[] {
    return this.#violations;
  }
}

/** Message, data and causes of an error in one line. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const data = 'data' in error ? ` ${JSON.stringify(error.data)}` : '';
  const code = 'code' in error ? `${String(error.code)}: ` : '';
  const cause = error.cause === undefined ? '' : ` <- ${describe(error.cause)}`;
  return `${code}${error.message}${data}${cause}`;
}
