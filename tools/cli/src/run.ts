import { type Command, CommanderError } from 'commander';
import type { CommandContext, GlobalOptions, Perform, PerformOptions } from './command.ts';
import { contextsDirectory, createContexts } from './context/contexts.ts';
import type { ExitCode } from './exit-code.ts';
import { type CliProcess, watchInterruption } from './interruption.ts';
import { createProgram } from './program.ts';
import type { openSession as OpenSession, Session } from './session.ts';

// A person waits a minute for an answer; deployments and streams say what they wait for.
const TIMEOUT_SECONDS = 60;

export interface CliOverrides {
  /** Opens the membership of a home. */
  readonly openSession?: typeof OpenSession;
}

/** Runs one command line and answers the exit code. */
export async function runCli(argv: readonly string[], process: CliProcess, overrides: CliOverrides = {}): Promise<ExitCode> {
  const interruption = watchInterruption(process);
  const perform = createPerform(process, interruption.signal, overrides);
  const json = asksForJson(argv);
  const program = createProgram(perform, {
    writeOut: (text) => process.stdout.write(text),
    writeErr: (text) => void (json || process.stderr.write(text)),
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    return await report(error, process, { json, interrupted: interruption.signal.aborted });
  } finally {
    interruption.release();
  }
}

/** Needed before the command line is understood: an error in it is reported in the same form. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? argv.length : end).includes('--json');
}

async function report(
  error: unknown,
  process: CliProcess,
  { json, interrupted }: { readonly json: boolean; readonly interrupted: boolean },
): Promise<ExitCode> {
  const [{ exitCodeOf }, { cliError, usageError }, { explain }] = await Promise.all([
    import('./exit-code.ts'),
    import('./errors.ts'),
    import('./explanation.ts'),
  ]);
  if (error instanceof CommanderError) {
    // Commander has written the help page or what is wrong for people.
    const usage = usageError(
      error.code === 'commander.help' ? 'Name a command; see hypermesh --help' : error.message.replace(/^error: /u, ''),
    );
    if (json) (await outputOf(process, json)).failure(usage);
    return exitCodeOf(usage);
  }
  const explained = await explain(error);
  // A failure that no retry mends has another cause than the signal, and is told.
  const { error: shown, hint } =
    interrupted && mayComeFromSignal(explained.error) ? await explain(cliError('cli.interrupted', {}, { cause: error })) : explained;
  (await outputOf(process, json)).failure(shown, hint);
  return exitCodeOf(shown);
}

function mayComeFromSignal(error: unknown): boolean {
  const retryable = error instanceof Error && 'retryable' in error ? error.retryable : undefined;
  return retryable !== false;
}

async function outputOf({ stdout, stderr, env }: CliProcess, json: boolean): Promise<CommandContext['out']> {
  const { Output } = await import('./output.ts');
  return new Output({ stdout, stderr, json, color: (env['NO_COLOR'] ?? '') === '' });
}

function createPerform(process: CliProcess, interrupted: AbortSignal, { openSession }: CliOverrides): Perform {
  return <Args extends unknown[]>(body: (context: CommandContext, ...args: Args) => Promise<void>, options: PerformOptions = {}) =>
    async (...given: unknown[]) => {
      const command = given.pop() as Command;
      const globals = command.optsWithGlobals<GlobalOptions>();
      const limit = timeLimit(globals, options);
      const opened = new LazySession();
      const problems = new Set<string>();
      const context = await contextOf(process, globals, {
        signal: AbortSignal.any([interrupted, limit.signal]),
        opened,
        problems,
        openSession,
      });
      try {
        await body(context, ...(given as Args));
      } catch (error) {
        if (!limit.signal.aborted || interrupted.aborted) throw await withAppNamed(error, command, context);
        for (const problem of problems) context.out.progress(`Meanwhile: ${problem}`);
        throw await timedOut(error);
      } finally {
        limit.release();
        await opened.close();
      }
    };
}

/** In one place for every command that takes the name of an app. */
async function withAppNamed(error: unknown, command: Command, context: CommandContext): Promise<unknown> {
  const app = command.args[command.registeredArguments.findIndex((argument) => argument.name() === 'app')];
  if (app === undefined) return error;
  const { namingApp } = await import('./app/unknown-app.ts');
  return namingApp(error, app, () => context.session());
}

interface Surroundings {
  readonly signal: AbortSignal;
  readonly opened: LazySession;
  /** What went wrong in the background. */
  readonly problems: Set<string>;
  readonly openSession: CliOverrides['openSession'];
}

async function contextOf(process: CliProcess, globals: GlobalOptions, surroundings: Surroundings): Promise<CommandContext> {
  const { signal, opened, problems } = surroundings;
  const out = await outputOf(process, globals.json ?? false);
  const contexts = createContexts(contextsDirectory(process.env, process.cwd()));
  const fromEnvironment = process.env['HYPERMESH_CONTEXT'] ?? '';
  const contextWanted = globals.context ?? (fromEnvironment === '' ? null : fromEnvironment);
  const contextName = async (): Promise<string> => {
    const name = contextWanted ?? (await contexts.current());
    if (name !== null) return name;
    throw (await import('./errors.ts')).cliError('cli.context_missing');
  };
  const sessionOf = async (home: string): Promise<Session> => {
    const openSession = surroundings.openSession ?? (await import('./session.ts')).openSession;
    const onWaiting = (text: string): void => out.progress(text);
    return openSession(home, { signal, onWaiting, onProblem: (text) => void problems.add(text) });
  };
  const session = (): Promise<Session> => opened.get(async () => sessionOf((await contexts.find(await contextName())).home));
  return { out, signal, cwd: process.cwd(), stdin: process.stdin, contexts, contextName, contextWanted, session, sessionOf };
}

class LazySession {
  #session: Promise<Session> | undefined;

  get(open: () => Promise<Session>): Promise<Session> {
    return (this.#session ??= open());
  }

  async close(): Promise<void> {
    // One that could not be opened has cleaned up after itself, and the command knows.
    const session = await this.#session?.catch(() => undefined);
    await session?.close();
  }
}

interface TimeLimit {
  readonly signal: AbortSignal;
  release(): void;
}

function timeLimit({ timeout }: GlobalOptions, { unlimited = false }: PerformOptions): TimeLimit {
  const controller = new AbortController();
  if (timeout === undefined && unlimited) return { signal: controller.signal, release: () => undefined };
  const handle = setTimeout(() => controller.abort(), (timeout ?? TIMEOUT_SECONDS) * 1_000);
  return { signal: controller.signal, release: () => clearTimeout(handle) };
}

/** What failed because time was up says nothing itself; what knows a reason keeps it. */
async function timedOut(error: unknown): Promise<unknown> {
  const [{ CodedError }, { cliError }] = await Promise.all([import('@hypermesh/stoq'), import('./errors.ts')]);
  const wordless = !(error instanceof CodedError) || error.code === 'stoq.rpc_cancelled';
  return wordless ? cliError('cli.timeout', {}, { cause: error }) : error;
}
