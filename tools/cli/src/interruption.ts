/** The part of the runtime's `process` that the command uses; tests hand in their own. */
export interface CliProcess extends Pick<NodeJS.Process, 'env' | 'cwd' | 'on' | 'off' | 'kill' | 'pid'> {
  readonly stdin: AsyncIterable<Uint8Array | string>;
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
}

export interface Interruption {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  release(): void;
}

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM'];

/** The first Ctrl-C asks the command to clean up; the second ends the process by the signal's default effect. */
export function watchInterruption(process: Pick<CliProcess, 'on' | 'off' | 'kill' | 'pid'>): Interruption {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (!controller.signal.aborted) return controller.abort();
    release();
    process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const release = (): void => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  return { signal: controller.signal, release };
}

/** A reader of standard output that has seen enough, such as `head`, ends the command as a signal does, and without a trace. */
export function watchReader(process: Pick<NodeJS.Process, 'stdout' | 'kill' | 'pid'>): void {
  let gone = false;
  // Each later write fails again, and a second signal would cut the cleaning up short.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (!gone) process.kill(process.pid, 'SIGTERM');
    gone = true;
  });
}
