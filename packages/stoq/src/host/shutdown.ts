import type { Logger } from './logger.ts';

/** The part of the runtime's `process` that a daemon uses; tests hand in their own. */
export interface DaemonProcess extends Pick<NodeJS.Process, 'argv' | 'env' | 'pid' | 'on' | 'off' | 'kill' | 'exitCode'> {
  readonly stdin: ParentPipe;
  readonly stdout: { write(text: string): boolean };
}

/** The pipe whose other end the parent holds. */
export interface ParentPipe {
  on(event: 'end' | 'close' | 'error', listener: () => void): unknown;
  resume(): unknown;
  destroy(): unknown;
}

export type StopReason =
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'parent' }
  | { readonly kind: 'failure'; readonly error: unknown };

export interface ShutdownOptions {
  readonly process: DaemonProcess;
  readonly logger: Logger;
  readonly exitWithParent: boolean;
  /** From the request to stop until the process is ended by force. */
  readonly stopMsMax: number;
}

export interface ShutdownWatch {
  /** Settles once, with the first reason to stop. */
  readonly requested: Promise<StopReason>;
  /** Aborted by the same. */
  readonly signal: AbortSignal;
  /** Stops watching. The deadline stays: what then still holds the process is ended by force. */
  release(): void;
}

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM'];

/**
 * Waits for a reason to stop: a signal, the end of the parent, an exception or rejection that nobody handled. A second
 * signal, or the deadline, ends the process with the signal's default effect, so its parent sees that it was forced.
 */
export function watchShutdown({ process, logger, exitWithParent, stopMsMax }: ShutdownOptions): ShutdownWatch {
  const requested = Promise.withResolvers<StopReason>();
  const controller = new AbortController();

  const force = (signal: NodeJS.Signals): void => {
    release();
    process.kill(process.pid, signal);
  };
  const request = (reason: StopReason): void => {
    if (controller.signal.aborted) return;
    controller.abort();
    requested.resolve(reason);
    const signal = reason.kind === 'signal' ? reason.signal : 'SIGTERM';
    const overdue = (): void => {
      logger.fatal({ stopMsMax }, 'stopping takes too long; ended by force');
      force(signal);
    };
    setTimeout(overdue, stopMsMax).unref();
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) force(signal);
    else request({ kind: 'signal', signal });
  };
  const onFailure = (error: unknown): void => {
    logger.fatal({ err: error }, 'a failure that nobody handled');
    process.exitCode = 1;
    request({ kind: 'failure', error });
  };
  const onParentGone = (): void => request({ kind: 'parent' });

  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on('unhandledRejection', onFailure);
  process.on('uncaughtException', onFailure);
  if (exitWithParent) {
    for (const event of ['end', 'close', 'error'] as const) process.stdin.on(event, onParentGone);
    process.stdin.resume();
  }

  const release = (): void => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.off('unhandledRejection', onFailure);
    process.off('uncaughtException', onFailure);
    if (exitWithParent) process.stdin.destroy();
  };
  return { requested: requested.promise, signal: controller.signal, release };
}
