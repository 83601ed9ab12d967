export type TaskName = 'transfers' | 'log entries' | 'uploads' | 'publications' | 'scalings' | 'certificates';

/** One piece of work: tried with the same content until it is acknowledged. */
export type Attempt = (signal: AbortSignal) => Promise<void>;

export interface Task {
  readonly name: TaskName;
  /** Between an acknowledgement and the next piece. */
  readonly intervalMs: number;
  /** The next piece of work; it records its acknowledgement itself. */
  readonly next: () => Attempt;
}
