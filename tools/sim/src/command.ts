import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type CommandOutput, runCampaignCommand, wholeNumber } from '@hypermesh/testkit/campaign-command';
import { type CampaignResult, runCampaign } from './campaign.ts';
import { type Plant, PLANTS } from './plants.ts';
import { runSchedule } from './run.ts';

export const USAGE: string = `usage: npm run sim -- [--seed N] [--runs N] [--threads N] [--plant ${PLANTS.join('|')}] [--trace] [--json] [--help]
  --seed     first schedule; a random one when it is left out
  --runs     number of schedules (1000); each has the seed after the one before
  --threads  worker threads (2)
  --plant    put a bug into the validators, to see the simulator find it
  --trace    run one schedule and print all that happens
  --json     print the result as JSON
  --help     print this
`;

const RUNS_DEFAULT = 1_000;
const THREADS_DEFAULT = 2;
const THREADS_MAX = 64;
const SEED_MAX = 2 ** 47;
const PROGRESS_RUNS = 1_000;
// The end of a trace tells what went wrong; `--trace` shows the rest.
const TRACE_LINES_MAX = 60;

interface Options {
  readonly seed: number;
  readonly runs: number;
  readonly threads: number;
  readonly plant: Plant | null;
  readonly isTraced: boolean;
  readonly isJson: boolean;
  readonly isHelp: boolean;
}

/** Exit code: 0 when every schedule passed, 1 for a violation, 2 for a mistake in the arguments. */
export async function runCommand(args: readonly string[], output: CommandOutput): Promise<number> {
  const simulate = async (options: Options): Promise<number> => {
    if (options.isTraced) return traceSchedule(options, output);
    const { seed, runs, threads, plant } = options;
    output.writeError(`seed ${seed}, ${runs} schedules, ${threads} threads${plant === null ? '' : `, planted bug: ${plant}`}\n`);
    let reported = 0;
    const onProgress = (totals: CampaignResult['totals']): void => {
      if (totals.runs - reported < PROGRESS_RUNS) return;
      reported = totals.runs;
      output.writeError(`${totals.runs} schedules, ${totals.blocks} blocks\n`);
    };
    const result = await runCampaign({ seed, runs, threads, plant, onProgress });
    report(result, options, output);
    return result.violation === null ? 0 : 1;
  };
  return runCampaignCommand({ usage: USAGE, parse: parseOptions, run: simulate }, args, output);
}

function traceSchedule({ seed, plant }: Options, output: CommandOutput): number {
  const { trace, violation } = runSchedule(seed, plant, true);
  output.write(`${trace.join('\n')}\n`);
  return violation === null ? 0 : 1;
}

function report({ totals, violation }: CampaignResult, { seed, plant, isJson }: Options, output: CommandOutput): void {
  const trace = violation === null ? [] : runSchedule(violation.seed, plant, true).trace.slice(-TRACE_LINES_MAX);
  if (isJson) return output.write(`${JSON.stringify({ seed, plant, totals, violation, trace })}\n`);
  const { runs, blocks, messages, crashes, stalls, rejections, evidence, simulatedMs } = totals;
  output.write(
    `${runs} schedules: ${blocks} blocks, ${messages} messages, ${crashes} crashes, ${stalls} stalls, ${rejections} rejections, ` +
      `${evidence} pieces of evidence in ${Math.round(simulatedMs / 1000)} simulated seconds\n`,
  );
  if (violation === null) return output.write('no violation\n');
  output.write(`${trace.join('\n')}\nviolation in the schedule of seed ${violation.seed}: ${violation.violation}\n`);
  output.write(`repeat with: npm run sim -- --seed ${violation.seed} --trace${plant === null ? '' : ` --plant ${plant}`}\n`);
}

/** Throws the words for a mistake in the arguments. */
function parseOptions(args: readonly string[]): Options {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { seed: text, runs: text, threads: text, plant: text, trace: flag, json: flag, help: flag },
    strict: true,
  });
  const plant = values.plant === undefined ? null : PLANTS.find((known) => known === values.plant);
  if (plant === undefined) throw new RangeError(`--plant takes ${PLANTS.join(', ')}`);
  return {
    seed: wholeNumber('--seed', values.seed, randomInt(SEED_MAX), [0, SEED_MAX]),
    runs: wholeNumber('--runs', values.runs, RUNS_DEFAULT, [1, SEED_MAX]),
    threads: wholeNumber('--threads', values.threads, THREADS_DEFAULT, [1, THREADS_MAX]),
    plant,
    isTraced: values.trace,
    isJson: values.json,
    isHelp: values.help,
  };
}
