import type { Readable } from 'node:stream';

/** The part of the runtime's `process` that the command uses; tests hand in their own. */
export interface CliProcess extends Pick<NodeJS.Process, 'env' | 'cwd' | 'on' | 'off' | 'kill' | 'pid'> {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
}

export interface Interruption {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  release(): void;
}

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * The first Ctrl-C, or the end of the terminal, asks the command to clean up; a second signal ends the process by its default effect.
 * A terminal that closes is told by the kernel and by the shell: its signal never is a second wish.
 */
export function watchInterruption(process: Pick<CliProcess, 'on' | 'off' | 'kill' | 'pid'>): Interruption {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (!controller.signal.aborted) return controller.abort();
    if (signal === 'SIGHUP') return;
    release();
    process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const release = (): void => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  return { signal: controller.signal, release };
}

// EPIPE from a pipe, EIO from a terminal that was closed (tty_ioctl(4)).
const READER_GONE: ReadonlySet<string | undefined> = new Set(['EPIPE', 'EIO']);

/**
 * A reader of standard output that has seen enough, such as `head`, ends the command as a signal does, and without a trace. One of
 * standard error is not missed.
 */
export function watchReaders(process: Pick<NodeJS.Process, 'stdout' | 'stderr' | 'kill' | 'pid'>): void {
  let gone = false;
  // Each later write fails again, and a second signal would cut the cleaning up short.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!READER_GONE.has(error.code)) throw error;
    if (!gone) process.kill(process.pid, 'SIGTERM');
    gone = true;
  });
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (!READER_GONE.has(error.code)) throw error;
  });
}
