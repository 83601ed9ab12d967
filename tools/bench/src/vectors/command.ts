import { parseArgs } from 'node:util';
import { createCrypto } from '@hypermesh/stoq';
import type { CommandOutput } from '../command.ts';
import { benchError } from '../errors.ts';
import { runSuites, VECTOR_FILES } from './run.ts';
import type { SuiteResult } from './suite.ts';

export const USAGE: string = `usage: npm run conformance -- --vectors DIR [--json]

Checks the cryptography and the log against public vectors: Wycheproof (C2SP), the known answers of FALCON-1024 (NIST
round 3, PQClean) and the reference tree of RFC 6962. DIR holds these files; tools/bench/README.md says where to get them:
${VECTOR_FILES.map((file) => `  ${file}`).join('\n')}
`;

// What a suite that disagrees shows of its vectors.
const NAMES_SHOWN_MAX = 5;

/** Exit code: 0 when every vector agrees, 1 when one does not, 2 for a mistake in the arguments or the files. */
export async function runConformance(args: readonly string[], output: CommandOutput): Promise<number> {
  try {
    const { vectors, json, help } = parseOptions(args);
    if (!help && vectors !== undefined) return await check(vectors, json, output);
    if (help) output.write(USAGE);
    else output.writeError(USAGE);
    return help ? 0 : 2;
  } catch (error) {
    if (!isMistake(error)) throw error;
    output.writeError(`conformance: ${error.message}\n${USAGE}`);
    return 2;
  }
}

function parseOptions(args: readonly string[]): { readonly vectors?: string; readonly json: boolean; readonly help: boolean } {
  const flag = { type: 'boolean', default: false } as const;
  return parseArgs({ args: [...args], options: { vectors: { type: 'string' }, json: flag, help: flag } }).values;
}

async function check(directory: string, isJson: boolean, output: CommandOutput): Promise<number> {
  const crypto = await createCrypto();
  try {
    const results = await runSuites(directory, crypto);
    for (const result of results) output.write(`${isJson ? JSON.stringify(result) : textOf(result)}\n`);
    return results.some(({ passed, failed }) => failed.length > 0 || passed === 0) ? 1 : 0;
  } finally {
    await crypto.close();
  }
}

function textOf({ suite, passed, failed, inapplicable, reason }: SuiteResult): string {
  const left = inapplicable > 0 ? `, ${inapplicable} not applicable (${reason})` : '';
  const names = failed.length > 0 ? `: ${failed.slice(0, NAMES_SHOWN_MAX).join(', ')}` : '';
  return `${suite}: ${passed} passed, ${failed.length} failed${left}${names}`;
}

/** Of the caller: `parseArgs` refuses with a code of its own. */
function isMistake(error: unknown): error is Error {
  if (benchError.is(error, 'bench.vectors_unusable')) return true;
  return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
}
