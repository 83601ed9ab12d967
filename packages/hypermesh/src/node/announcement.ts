import { type Clock, pause } from '@hypermesh/stoq';
import type { SubmitOperations } from '../agent/mesh-source.ts';
import type { MeshOperation } from '../mesh-machine/operation.ts';

// Wait after an attempt that was not ordered, doubled each time up to the maximum: at first start the quorum is still forming.
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 5_000;
const ATTEMPT_MS_MAX = 15_000;

export interface AnnouncementComponents {
  /** What the node says of itself now. */
  readonly describe: () => Promise<MeshOperation>;
  readonly submit: SubmitOperations;
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
}

/** Tells the mesh once a start what this node has and where it serves, as often as it takes. */
export interface Announcement {
  start(): void;
  stop(): Promise<void>;
  isDone(): boolean;
}

export function createAnnouncement({ describe, submit, clock, onFailure }: AnnouncementComponents): Announcement {
  const stopped = new AbortController();
  let work: Promise<void> | undefined;
  let done = false;

  const announce = async (): Promise<void> => {
    for (let waitMs = RETRY_MS_MIN; !stopped.signal.aborted && !done; waitMs = Math.min(RETRY_MS_MAX, 2 * waitMs)) {
      try {
        await submit([await describe()], AbortSignal.any([stopped.signal, AbortSignal.timeout(ATTEMPT_MS_MAX)]));
        done = true;
      } catch (error) {
        if (stopped.signal.aborted) return;
        onFailure(error);
        await pause(clock, waitMs, stopped.signal);
      }
    }
  };

  return {
    start() {
      work ??= announce();
    },
    async stop() {
      stopped.abort();
      await work;
    },
    isDone: () => done,
  };
}
