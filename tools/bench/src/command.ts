import { parseArgs } from 'node:util';
import { createSharedMesh } from './mesh/shared-mesh.ts';
import { formatJson, formatTable } from './report/format.ts';
import { machineFacts } from './report/machine.ts';
import type { Metric } from './report/metric.ts';
import type { Suite } from './suite.ts';

export interface CommandOutput {
  /** Figures. */
  readonly write: (text: string) => void;
  /** Progress and mistakes. */
  readonly writeError: (text: string) => void;
}

const RUNS_DEFAULT = 5;
const RUNS_MAX = 1_000;

interface Options {
  readonly suites: readonly Suite[];
  readonly runs: number;
  readonly isJson: boolean;
  readonly isHelp: boolean;
}

/** Exit code: 0 when everything was measured, 2 for a mistake in the arguments. Throws what a measurement fails with. */
export async function runCommand(
  args: readonly string[],
  known: Readonly<Record<string, readonly Suite[]>>,
  output: CommandOutput,
  signal: AbortSignal,
): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(args, known);
  } catch (error) {
    output.writeError(`${(error as Error).message}\n${usageOf(known)}`);
    return 2;
  }
  if (options.isHelp) {
    output.write(usageOf(known));
    return 0;
  }
  const { suites, runs, isJson } = options;
  const onProgress = (text: string): void => output.writeError(`bench: ${text}\n`);
  const metrics: Metric[] = [];
  await using mesh = createSharedMesh({ signal, onProgress });
  for (const suite of suites) {
    for await (const measured of suite({ runs, signal, mesh, onProgress })) {
      const metric = { ...measured, params: { ...measured.params, ...machineFacts() } };
      metrics.push(metric);
      if (isJson) output.write(`${formatJson(metric)}\n`);
      else onProgress(`${metric.name} measured`);
    }
  }
  if (!isJson) output.write(`${formatTable(metrics)}\n`);
  return 0;
}

function usageOf(known: Readonly<Record<string, readonly Suite[]>>): string {
  return `usage: npm run bench -- ${Object.keys(known).join('|')} [--json] [--runs N] [--help]
  --runs  repetitions of what is measured once a run (${RUNS_DEFAULT}); the value is their median
  --json  one JSON object a metric, one a line
  --help  print this
`;
}

/** Throws the words for a mistake in the arguments. */
function parseOptions(args: readonly string[], known: Readonly<Record<string, readonly Suite[]>>): Options {
  const flag = { type: 'boolean', default: false } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { runs: { type: 'string', default: `${RUNS_DEFAULT}` }, json: flag, help: flag },
    allowPositionals: true,
    strict: true,
  });
  const runs = /^\d{1,4}$/.test(values.runs) ? Number(values.runs) : 0;
  if (runs < 1 || runs > RUNS_MAX) throw new RangeError(`--runs takes a whole number from 1 to ${RUNS_MAX}`);
  return { suites: values.help ? [] : suitesOf(positionals, known), runs, isJson: values.json, isHelp: values.help };
}

function suitesOf(names: readonly string[], known: Readonly<Record<string, readonly Suite[]>>): readonly Suite[] {
  const [name = '', ...others] = names;
  if (!Object.hasOwn(known, name) || others.length > 0) throw new RangeError(`name one of ${Object.keys(known).join(', ')}`);
  return known[name] as readonly Suite[];
}
