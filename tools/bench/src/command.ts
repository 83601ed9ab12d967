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
}

/** Exit code: 0 when everything was measured, 2 for a mistake in the arguments. Throws what a measurement fails with. */
export async function runCommand(
  args: readonly string[],
  known: Readonly<Record<string, readonly Suite[]>>,
  output: CommandOutput,
  signal: AbortSignal,
): Promise<number> {
  const options = parseOptions(args, known);
  if (options === null) {
    output.writeError(usageOf(known));
    return 2;
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
  return `usage: npm run bench -- ${Object.keys(known).join('|')} [--json] [--runs N]
  --runs  repetitions of what is measured once a run (${RUNS_DEFAULT}); the value is their median
  --json  one JSON object a metric, one a line
`;
}

function parseOptions(args: readonly string[], known: Readonly<Record<string, readonly Suite[]>>): Options | null {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { runs: { type: 'string', default: `${RUNS_DEFAULT}` }, json: { type: 'boolean', default: false } },
      allowPositionals: true,
      strict: true,
    });
    const [name = '', ...others] = positionals;
    const runs = /^\d{1,4}$/.test(values.runs) ? Number(values.runs) : 0;
    if (!Object.hasOwn(known, name) || others.length > 0 || runs < 1 || runs > RUNS_MAX) return null;
    return { suites: known[name] as readonly Suite[], runs, isJson: values.json };
  } catch {
    return null;
  }
}
