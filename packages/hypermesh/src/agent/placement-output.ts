import type { Workload } from '../runtime/driver.ts';

// What the runs before said last: enough for the reason of a failure and a stack.
export const EARLIER_LINES_MAX: number = 200;

/** What the runs of one placement on this node print; it outlives the runs, not the placement. */
export class PlacementOutput {
  #earlier: readonly string[] = [];
  #running: Pick<Workload, 'logs'> | undefined;

  begin(workload: Pick<Workload, 'logs'>): void {
    this.#running = workload;
  }

  /** Keeps the last lines of the run, and why it is over. */
  end(reason: string): void {
    this.#earlier = [...this.lines(EARLIER_LINES_MAX - 1), `ended: ${reason}`];
    this.#running = undefined;
  }

  /** The last lines, oldest first. */
  lines(linesMax: number): readonly string[] {
    const running = this.#running?.logs(linesMax) ?? [];
    return [...this.#earlier, ...running].slice(-linesMax);
  }
}
