import { type Clock, type Entropy, pause } from '@hypermesh/stoq';
import type { RevocationState } from '../revocation/revocation-state.ts';
import { type RetryDelays, retryDelay } from './retry.ts';
import type { TrustClient } from './trust-client.ts';

export interface RevocationFollowerComponents {
  readonly client: Pick<TrustClient, 'revocation.watch'>;
  /** Persisted by itself where it has a path. */
  readonly state: RevocationState;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Each failure; it goes on trying. A contradiction of what is held (`trustchain.log_inconsistent`) is for an operator. */
  readonly onError: (error: unknown) => void;
}

/** Keeps a revocation state current: a delta whenever TrustChain signs a new head. */
export interface RevocationFollower {
  start(): Promise<void>;
  stop(): Promise<void>;
}

// A revocation that is missed for longer than this keeps a session alive; TrustChain may be restarting meanwhile.
const DELAYS: RetryDelays = { minMs: 250, maxMs: 15_000 };

export function createRevocationFollower({ client, state, clock, entropy, onError }: RevocationFollowerComponents): RevocationFollower {
  const ending = new AbortController();
  const { signal } = ending;
  let following: Promise<void> = Promise.resolve();

  const follow = async (): Promise<void> => {
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        for await (const { update } of client['revocation.watch']({ from: state.size() }, { signal })) {
          await state.apply(update);
          failures = 0;
        }
      } catch (error) {
        if (!signal.aborted) onError(error);
      }
      await pause(clock, retryDelay(failures, DELAYS, entropy), signal);
    }
  };

  return {
    async start() {
      following = follow();
    },
    async stop() {
      ending.abort();
      await following;
    },
  };
}
