/** Where a command writes. */
export interface CommandOutput {
  /** Results. */
  readonly write: (text: string) => void;
  /** Progress and mistakes. */
  readonly writeError: (text: string) => void;
}

export interface CampaignCommand<Options extends { readonly isHelp: boolean }> {
  readonly usage: string;
  /** Throws the words for a mistake in the arguments. */
  readonly parse: (args: readonly string[]) => Options;
  /** Answers with the exit code. */
  readonly run: (options: Options) => Promise<number>;
}

/** 128 and the number of SIGINT, as shells have it. */
export const EXIT_INTERRUPTED: number = 130;
const EXIT_MISTAKEN = 2;

/** Output of this process. */
export const processOutput: CommandOutput = {
  write: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
};

/** Aborted by the first SIGINT, SIGTERM or SIGHUP; the second ends this process as it always does. */
export function interruption(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort());
  return interrupted.signal;
}

/** Runs a command: 2 for a mistake in the arguments, which is told with the usage; 0 for help; what `run` answers otherwise. */
export async function runCampaignCommand<Options extends { readonly isHelp: boolean }>(
  { usage, parse, run }: CampaignCommand<Options>,
  args: readonly string[],
  output: CommandOutput,
): Promise<number> {
  let options: Options;
  try {
    options = parse(args);
  } catch (error) {
    output.writeError(`${(error as Error).message}\n${usage}`);
    return EXIT_MISTAKEN;
  }
  if (!options.isHelp) return run(options);
  output.write(usage);
  return 0;
}

/** The value of an option that takes a whole number from `min` to `max`. Throws `RangeError` with the words for the user. */
export function wholeNumber(
  option: string,
  text: string | undefined,
  fallback: number,
  [min, max]: readonly [min: number, max: number],
): number {
  if (text === undefined) return fallback;
  const value = /^\d+$/u.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new RangeError(`${option} takes a whole number from ${min} to ${max}`);
}
