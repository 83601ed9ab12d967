import { systemClock } from '@hypermesh/stoq';
import type { Logger, Startable } from '@hypermesh/stoq/host';
import type { Member } from '@hypermesh/trustchain/client';

// Somebody who looks for a service asks again after its time to live; a name that was not taken must be there by then.
const RETRY_MS = 2_000;
const READY_MS_MAX = 60_000;
const PUBLISH_MS_MAX = 10_000;

/**
 * What keeps a member current, and makes it found under a name: started once its host runs. The start waits until this
 * process believes its peers; the name follows as soon as TrustChain takes it.
 */
export function publishedMember(member: Member, service: string, logger: Logger): Startable {
  const stopped = new AbortController();
  let cancel: () => void = () => undefined;

  const publish = async (): Promise<void> => {
    try {
      await member.publish(service, { signal: AbortSignal.any([stopped.signal, AbortSignal.timeout(PUBLISH_MS_MAX)]) });
    } catch (error) {
      if (stopped.signal.aborted) return;
      logger.warn({ err: error }, 'the name was not published; trying again');
      cancel = systemClock.after(RETRY_MS, () => void publish());
    }
  };

  return {
    async start() {
      await member.following.start();
      await member.ready(AbortSignal.any([stopped.signal, AbortSignal.timeout(READY_MS_MAX)]));
      await publish();
    },
    async stop() {
      stopped.abort();
      cancel();
      await member.following.stop();
    },
  };
}
