import type { Clock } from '@hypermesh/stoq';
import type { Log } from '../log/log.ts';
import type { RevocationLog } from '../revocation/revocation-log.ts';
import type { Trust } from '../verification/trust.ts';
import type { Validators } from './validators.ts';

export interface WitnessWatchComponents {
  readonly trust: Trust;
  readonly validators: Pick<Validators, 'nextPolicy'>;
  readonly logs: readonly Pick<Log, 'refresh'>[];
  readonly revocations: Pick<RevocationLog, 'publish'>;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

export interface WitnessWatchConfig {
  /** Pause between two rounds until there is a first signed policy. */
  readonly pollMs: number;
}

/** Follows the validators' witness policy, and brings every log under it. */
export interface WitnessWatch {
  start(): void;
  stop(): Promise<void>;
  /** The version under which all logs have published a checkpoint since the start; 0 before the first. */
  coveredVersion(): number;
}

// Once cosignatures are demanded the policy only changes with the validator set.
const SETTLED_POLL_MS = 30_000;

export function createWitnessWatch({ pollMs }: WitnessWatchConfig, components: WitnessWatchComponents): WitnessWatch {
  const { trust, validators, logs, revocations, clock, onError } = components;
  const ending = new AbortController();
  const { signal } = ending;
  let covered = 0;
  let running: Promise<void> = Promise.resolve();
  let cancelTimer: () => void = () => undefined;

  /** Adoption is durable before any checkpoint is made under it; a crash between the two is mended by the next round. */
  const round = async (): Promise<void> => {
    const next = await validators.nextPolicy({ signal });
    if (next !== null) await trust.adopt([next]);
    const { version } = trust.policy();
    if (version === covered) return;
    signal.throwIfAborted();
    await Promise.all(logs.map((log) => log.refresh({ signal })));
    await revocations.publish();
    covered = version;
  };

  const run = async (): Promise<void> => {
    try {
      await round();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    if (signal.aborted) return;
    const settled = covered > 0 && covered === trust.policy().version;
    cancelTimer = clock.after(settled ? Math.max(SETTLED_POLL_MS, pollMs) : pollMs, () => {
      running = run();
    });
  };

  return {
    start() {
      running = run();
    },
    async stop() {
      ending.abort();
      cancelTimer();
      await running;
    },
    coveredVersion: () => covered,
  };
}
