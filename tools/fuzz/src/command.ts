import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type CommandOutput, EXIT_INTERRUPTED, runCampaignCommand, wholeNumber } from '@hypermesh/testkit/campaign-command';
import { type CampaignReport, runCampaign } from './campaign.ts';

export const USAGE: string = `usage: npm run fuzz -- [--seconds N] [--warm-up N] [--seed N] [--json] [--help]
  --seconds  how long to attack and watch memory (60)
  --warm-up  seconds of attack before that (240)
  --seed     of the choices made; a random one when it is left out. The mesh itself is not deterministic
  --json     print the report as JSON
  --help     print this
`;

const SECONDS_DEFAULT = 60;
// The first window of Proof of State opens a minute after the start.
const WARM_UP_SECONDS_DEFAULT = 240;
const SECONDS_MAX = 7 * 24 * 3_600;
const SEED_MAX = 2 ** 40;

/** Exit code: 0 when nothing was violated, 1 otherwise, 2 for a mistake in the arguments, 130 after an interruption. */
export async function runCommand(
  args: readonly string[],
  output: CommandOutput,
  signal: AbortSignal,
  run: typeof runCampaign = runCampaign,
): Promise<number> {
  const attack = async ({ isJson, seed, seconds, warmUpSeconds }: Options): Promise<number> => {
    const onProgress = (text: string): void => output.writeError(`${text}\n`);
    const report = await run({ seed, seconds, warmUpSeconds, signal, onProgress }).catch((error: unknown) => {
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
  };
  return runCampaignCommand({ usage: USAGE, parse: parseOptions, run: attack }, args, output);
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
      ({ name, memory, live }) =>
        `${name}: ${memory.firstMiB} MiB first, ${memory.lastMiB} last, ${memory.maxMiB} highest${memory.flat ? '' : ', NOT FLAT'}; ` +
        `after collections ${live === null ? 'not known' : `${live.firstMiB} MiB, then ${live.lastMiB}${live.flat ? '' : ', NOT FLAT'}`}`,
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
  readonly isHelp: boolean;
}

/** Throws the words for a mistake in the arguments. */
function parseOptions(args: readonly string[]): Options {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { seed: text, seconds: text, 'warm-up': text, json: flag, help: flag },
    strict: true,
  });
  return {
    seed: wholeNumber('--seed', values.seed, randomInt(SEED_MAX), [0, SEED_MAX]),
    seconds: wholeNumber('--seconds', values.seconds, SECONDS_DEFAULT, [1, SECONDS_MAX]),
    warmUpSeconds: wholeNumber('--warm-up', values['warm-up'], WARM_UP_SECONDS_DEFAULT, [0, SECONDS_MAX]),
    isJson: values.json,
    isHelp: values.help,
  };
}
