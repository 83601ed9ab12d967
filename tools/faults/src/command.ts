import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type CommandOutput, EXIT_INTERRUPTED, runCampaignCommand, wholeNumber } from '@hypermesh/testkit/campaign-command';
import { type CampaignName, type CampaignReport, CAMPAIGNS } from './campaign.ts';
import { runCampaigns } from './run.ts';

export const USAGE: string = `usage: npm run faults -- [--rounds N] [--seed N] [--only ${CAMPAIGNS.join('|')}] [--json] [--help]
  --rounds  kills of daemons (20); the other campaigns run a tenth of it, at least once
  --seed    repeats the choice of faults; a random one when it is left out
  --only    one campaign
  --json    print the result as JSON
  --help    print this
`;

const ROUNDS_DEFAULT = 20;
const ROUNDS_MAX = 100_000;
const SEED_MAX = 2 ** 47;

interface FaultsReport {
  readonly ok: boolean;
  readonly isInterrupted: boolean;
  readonly seed: number;
  readonly campaigns: readonly CampaignReport[];
}

export interface FaultsOptions {
  readonly rounds: number;
  readonly seed: number;
  readonly campaigns: readonly CampaignName[];
  readonly isJson: boolean;
  readonly isHelp: boolean;
}

/**
 * Exit code: 0 when everything held, 1 for a violation or a campaign that could not run, 2 for a mistake in the arguments,
 * 130 after an interruption.
 */
export async function runCommand(
  args: readonly string[],
  output: CommandOutput,
  signal: AbortSignal,
  run: typeof runCampaigns = runCampaigns,
): Promise<number> {
  const inject = async (options: FaultsOptions): Promise<number> => {
    output.writeError(`seed ${options.seed}, ${options.rounds} rounds: ${options.campaigns.join(', ')}\n`);
    const startedAt = performance.now();
    const onProgress = (text: string): void =>
      output.writeError(`[${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s] ${text}\n`);
    const campaigns = await run(options, { signal, onProgress });
    const isInterrupted = signal.aborted;
    const hasViolation = campaigns.some(({ violations }) => violations.length > 0);
    const report: FaultsReport = { ok: !isInterrupted && !hasViolation, isInterrupted, seed: options.seed, campaigns };
    output.write(options.isJson ? `${JSON.stringify(report)}\n` : textOf(report, options));
    if (isInterrupted) return EXIT_INTERRUPTED;
    return hasViolation ? 1 : 0;
  };
  return runCampaignCommand({ usage: USAGE, parse: parseOptions, run: inject }, args, output);
}

/** Throws the words for a mistake in the arguments. */
export function parseOptions(args: readonly string[]): FaultsOptions {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: text, seed: text, only: text, json: flag, help: flag },
    strict: true,
  });
  const campaigns = values.only === undefined ? CAMPAIGNS : CAMPAIGNS.filter((name) => name === values.only);
  if (campaigns.length === 0) throw new RangeError(`--only takes ${CAMPAIGNS.join(', ')}`);
  return {
    rounds: wholeNumber('--rounds', values.rounds, ROUNDS_DEFAULT, [1, ROUNDS_MAX]),
    seed: wholeNumber('--seed', values.seed, randomInt(SEED_MAX), [0, SEED_MAX]),
    campaigns,
    isJson: values.json,
    isHelp: values.help,
  };
}

function textOf({ ok, isInterrupted, campaigns }: FaultsReport, options: FaultsOptions): string {
  const lines = campaigns.flatMap((campaign) => [
    `${campaign.name}: ${outcomeOf(campaign)} (${(campaign.durationMs / 1_000).toFixed(1)} s)`,
    ...Object.entries(campaign.counts).map(([what, number]) => `  ${what}: ${number}`),
    ...campaign.violations.map((violation) => `  violation: ${violation}`),
  ]);
  if (isInterrupted) lines.push('interrupted');
  else lines.push(ok ? 'everything held' : `violated; the same faults again: ${repeating(options)}`);
  return `${lines.join('\n')}\n`;
}

function outcomeOf({ violations, isInterrupted }: CampaignReport): string {
  if (violations.length > 0) return `${violations.length} violations`;
  return isInterrupted ? 'interrupted' : 'held';
}

function repeating({ rounds, seed, campaigns }: FaultsOptions): string {
  const only = campaigns.length === 1 ? ` --only ${campaigns[0]}` : '';
  return `npm run faults -- --rounds ${rounds} --seed ${seed}${only}`;
}
