import type { Contexts } from './context/contexts.ts';
import type { CliProcess } from './interruption.ts';
import type { Output } from './output.ts';
import type { Session } from './session.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly context?: string;
  /** Seconds. */
  readonly timeout?: number;
}

/** What a command works with. */
export interface CommandContext {
  readonly out: Output;
  /** Aborts on Ctrl-C and at the time limit of the command. */
  readonly signal: AbortSignal;
  readonly cwd: string;
  readonly stdin: CliProcess['stdin'];
  readonly contexts: Contexts;
  /** Name of the context to use: `--context`, `HYPERMESH_CONTEXT` or the current one. Throws `cli.context_missing`. */
  contextName(): Promise<string>;
  /** Name given by `--context` or `HYPERMESH_CONTEXT`. */
  readonly contextWanted: string | null;
  /** The member of the mesh at work, opened when first asked for and closed after the command. */
  session(): Promise<Session>;
  /** As `session`, of another home; the caller closes it. */
  sessionOf(home: string): Promise<Session>;
}

export interface PerformOptions {
  /** No time limit unless `--timeout` sets one. */
  readonly unlimited?: boolean;
}

/** Makes the action of a command: sets up its context, and cleans up however it ends. */
export type Perform = <Args extends unknown[]>(
  body: (context: CommandContext, ...args: Args) => Promise<void>,
  options?: PerformOptions,
) => (...given: unknown[]) => Promise<void>;
