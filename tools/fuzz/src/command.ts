import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type CampaignReport, runCampaign } from './campaign.ts';

export interface CommandOutput {
  /** Results. */
  readonly write: (text: string) => void;
  /** Progress and mistakes. */
  readonly writeError: (text: string) => void;
}

export const USAGE: string = `usage: npm run fuzz -- [--seconds N] [--warm-up N] [--seed N] [--json]
  --seconds  how long to attack and watch memory (60)
  --warm-up  seconds of attack before that (240)
  --seed     of the choices made; a random one when it is left out. The mesh itself is not deterministic
  --json     print the report as JSON
`;

const SECONDS_DEFAULT = 60;
// The first window of Proof of State opens a minute after the start.
const WARM_UP_SECONDS_DEFAULT = 240;
const SECONDS_MAX = 7 * 24 * 3_600;
const SEED_MAX = 2 ** 40;
// 128 and the number of SIGINT, as shells have it.
const EXIT_INTERRUPTED = 130;

/** Exit code: 0 when nothing was violated, 1 otherwise, 2 for a mistake in the arguments, 130 after an interruption. */
export async function runCommand(
  args: readonly string[],
  output: CommandOutput,
  signal: AbortSignal,
  run: typeof runCampaign = runCampaign,
): Promise<number> {
  const options = parseOptions(args);
  if (options === null) {
    output.writeError(USAGE);
    return 2;
  }
  const { isJson, ...campaign } = options;
  const report = await run({ ...campaign, signal, onProgress: (text) => output.writeError(`${text}\n`) }).catch((error: unknown) => {
    if (signal.aborted) return null;
    throw error;
  });
  // An attack that was cut short proves nothing, and the mesh that it judges is going down.
  if (signal.aborted || report === null) {
    output.writeError('interrupted\n');
    return EXIT_INTERRUPTED;
  }
  output.write(isJson ? `${JSON.stringify(report)}\n` : textOf(report));
  return report.ok ? 0 : 1;
}

function textOf(report: CampaignReport): string {
  const { calls, values, errors, ended, handshakes, garbage, methods, codes, daemons, height, violations, seed, seconds, warmUpSeconds } =
    report;
  return [
    `${calls} calls to ${Object.keys(methods).length} methods in ${warmUpSeconds} + ${seconds} s: ${values} answered, ${errors} refused, ${ended} ended; ${report.sharedStreams} shared streams`,
    `${handshakes.attempted} handshakes (${handshakes.refused} refused), garbage on ${garbage.connections} connections and ${garbage.sessions} sessions`,
    `${Object.keys(codes).length} codes: ${Object.entries(codes)
      .map(([code, count]) => `${code} ${count}`)
      .join(', ')}`,
    `height ${height.before} before, ${height.after} after`,
    ...daemons.map(
      ({ name, memory }) =>
        `${name}: ${memory.firstMiB} MiB first, ${memory.lastMiB} last, ${memory.maxMiB} highest${memory.flat ? '' : ', NOT FLAT'}`,
    ),
    ...violations.map((violation) => `VIOLATION ${violation}`),
    violations.length === 0 ? 'no violation' : `${violations.length} violations; repeat with --seed ${seed}`,
    '',
  ].join('\n');
}

interface Options {
  readonly seed: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly isJson: boolean;
}

function parseOptions(args: readonly string[]): Options | null {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { seed: text, seconds: text, 'warm-up': text, json: { type: 'boolean', default: false } },
      strict: true,
    });
    const seed = count(values.seed, randomInt(SEED_MAX), SEED_MAX);
    const seconds = count(values.seconds, SECONDS_DEFAULT, SECONDS_MAX);
    const warmUpSeconds = count(values['warm-up'], WARM_UP_SECONDS_DEFAULT, SECONDS_MAX);
    if (seed === null || warmUpSeconds === null || seconds === null || seconds === 0) return null;
    return { seed, seconds, warmUpSeconds, isJson: values.json };
  } catch {
    return null;
  }
}

function count(text: string | undefined, fallback: number, max: number): number | null {
  if (text === undefined) return fallback;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value <= max ? value : null;
}
