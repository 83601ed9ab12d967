import { type Clock, encode, hasCode } from '@hypermesh/stoq';
import type { Startable } from '@hypermesh/stoq/host';
import { caesarOperationCodec } from '../caesar-machine.ts';

// A close is ordered within a few blocks; one that takes longer is asked for again.
const CLOSE_MS_MAX = 30_000;

export interface PeriodCloserComponents {
  /** Null closes none. */
  readonly periodMs: number | null;
  /** Number of the last closed period as this process knows it. */
  readonly lastPeriod: () => number;
  readonly order: (operation: Uint8Array, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
}

/** The operation that closes the period after `lastPeriod`. */
export function closeOperation(lastPeriod: number): Uint8Array {
  return encode(caesarOperationCodec, { kind: 'period.close', after: lastPeriod });
}

/** Asks for the close of a period again and again. Somebody else may have been quicker, which is as good. */
export function createPeriodCloser({ periodMs, lastPeriod, order, clock, onFailure }: PeriodCloserComponents): Startable {
  const stopped = new AbortController();
  let cancel: () => void = () => undefined;
  let closing: Promise<void> = Promise.resolve();

  const close = async (): Promise<void> => {
    try {
      await order(closeOperation(lastPeriod()), AbortSignal.any([stopped.signal, AbortSignal.timeout(CLOSE_MS_MAX)]));
    } catch (error) {
      if (!stopped.signal.aborted && !hasCode(error, 'caesar.period_too_early')) onFailure(error);
    }
  };

  const schedule = (intervalMs: number): void => {
    cancel = clock.after(intervalMs, () => {
      closing = close().finally(() => {
        if (!stopped.signal.aborted) schedule(intervalMs);
      });
    });
  };

  return {
    async start() {
      if (periodMs !== null) schedule(periodMs);
    },
    async stop() {
      stopped.abort();
      cancel();
      await closing;
    },
  };
}
