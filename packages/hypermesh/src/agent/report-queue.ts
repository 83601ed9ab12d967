import { type Clock, CodedError, pause } from '@hypermesh/stoq';
import type { PlacementReport } from './desired.ts';
import type { SubmitOperations } from './mesh-source.ts';

// Wait after a failure, doubled each time up to the maximum.
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 5_000;

// One report is ordered within a block or two; a mesh that takes longer has lost its quorum for now.
const SUBMIT_MS_MAX = 15_000;

export interface ReportQueueComponents {
  readonly submit: SubmitOperations;
  readonly clock: Clock;
  /** Told of reports that the mesh refused for good. */
  readonly onRefused: (report: PlacementReport, error: unknown) => void;
}

/** Brings what the agent reports into the log: the newest state of each placement, all of them as one transaction. */
export interface ReportQueue {
  add(report: PlacementReport): void;
  /** Sends what is waiting, at most `graceMs`, then ends. */
  stop(options: { readonly graceMs: number }): Promise<void>;
}

export function createReportQueue(components: ReportQueueComponents): ReportQueue {
  return new RetryingReportQueue(components);
}

class RetryingReportQueue implements ReportQueue {
  readonly #components: ReportQueueComponents;
  readonly #waiting = new Map<string, PlacementReport>();
  readonly #ended = new AbortController();
  #sending: Promise<void> | undefined;

  constructor(components: ReportQueueComponents) {
    this.#components = components;
  }

  add(report: PlacementReport): void {
    if (this.#ended.signal.aborted) return;
    // Bounded by the placements of one node: a newer report of a placement replaces the older one.
    this.#waiting.set(`${report.id}/${report.lease}`, report);
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = undefined;
    });
  }

  async stop({ graceMs }: { readonly graceMs: number }): Promise<void> {
    const cancel = this.#components.clock.after(graceMs, () => this.#ended.abort());
    await this.#sending;
    cancel();
    this.#ended.abort();
  }

  async #drain(): Promise<void> {
    let waitMs = RETRY_MS_MIN;
    while (this.#waiting.size > 0 && !this.#ended.signal.aborted) {
      const batch = [...this.#waiting.entries()];
      const refused = await this.#send(batch.map(([, report]) => report));
      if (refused === undefined) {
        waitMs = RETRY_MS_MIN;
        this.#forget(batch);
      } else if (isFinal(refused)) {
        // One bad report spoils a transaction: each on its own says which.
        for (const entry of batch) await this.#sendAlone(entry);
      } else {
        await pause(this.#components.clock, waitMs, this.#ended.signal);
        waitMs = Math.min(RETRY_MS_MAX, 2 * waitMs);
      }
    }
  }

  async #sendAlone(entry: [string, PlacementReport]): Promise<void> {
    const refused = await this.#send([entry[1]]);
    if (refused !== undefined && !isFinal(refused)) return;
    if (refused !== undefined) this.#components.onRefused(entry[1], refused);
    this.#forget([entry]);
  }

  /** Undefined when the reports were ordered. */
  async #send(reports: readonly PlacementReport[]): Promise<unknown> {
    try {
      const signal = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(SUBMIT_MS_MAX)]);
      const operations = reports.map((report) => ({ kind: 'placement.report', ...report }) as const);
      await this.#components.submit(operations, signal);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  #forget(sent: readonly (readonly [string, PlacementReport])[]): void {
    for (const [key, report] of sent) if (this.#waiting.get(key) === report) this.#waiting.delete(key);
  }
}

/** Errors of the mesh that no repetition mends. */
function isFinal(error: unknown): boolean {
  return error instanceof CodedError && !error.retryable;
}
