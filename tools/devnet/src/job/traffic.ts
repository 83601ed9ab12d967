import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';

/** One request as a client saw it; times in milliseconds of a monotonic clock. */
export interface Exchange {
  readonly startedAt: number;
  readonly endedAt: number;
  /** The replica that answered; undefined when there was no good answer. */
  readonly replica: string | undefined;
}

export interface TrafficOptions {
  /** `http://host:port` of the doors to use in turn. */
  readonly ingresses: readonly string[];
  readonly app: string;
  readonly signal: AbortSignal;
}

// Longer than a request that is tried at three replicas.
const REQUEST_MS_MAX = 10_000;
const INTERVAL_MS = 50;

/** Sends requests one after the other. */
export async function sendRequests(count: number, options: TrafficOptions): Promise<readonly Exchange[]> {
  const exchanges: Exchange[] = [];
  for (let i = 0; i < count; i++) exchanges.push(await exchange(i, options));
  return exchanges;
}

/** Sends requests every 50 ms until `until` settles, and answers for all of them, each as it ended. */
export async function sendUntil(until: Promise<unknown>, options: TrafficOptions): Promise<readonly Exchange[]> {
  const pending: Promise<Exchange>[] = [];
  let over = false;
  void until.then(
    () => (over = true),
    () => (over = true),
  );
  for (let i = 0; !over && !options.signal.aborted; i++) {
    pending.push(exchange(i, options));
    await pause(INTERVAL_MS);
  }
  return Promise.all(pending);
}

async function exchange(turn: number, { ingresses, app, signal }: TrafficOptions): Promise<Exchange> {
  const startedAt = performance.now();
  const ingress = ingresses[turn % ingresses.length] as string;
  const answered = (replica: string | undefined): Exchange => ({ startedAt, endedAt: performance.now(), replica });
  try {
    const response = await fetch(`${ingress}/${app}/`, { signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS_MAX)]) });
    const body = (await response.json()) as { replica?: string };
    return answered(response.ok ? body.replica : undefined);
  } catch {
    return answered(undefined);
  }
}

/** The longest time without a good answer between two moments, the moments themselves counted as answers. */
export function longestGapMs(exchanges: readonly Exchange[], from: number, to: number): number {
  const answers = exchanges
    .filter(({ replica, endedAt }) => replica !== undefined && endedAt > from && endedAt < to)
    .map(({ endedAt }) => endedAt);
  const moments = [from, ...answers.toSorted((a, b) => a - b), to];
  return Math.max(...moments.slice(1).map((moment, index) => moment - (moments[index] as number)));
}
