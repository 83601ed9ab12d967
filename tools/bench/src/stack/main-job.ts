import { spawn } from 'node:child_process';
import { extname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { benchError } from '../errors.ts';

/** Runs what `npm start -- --once --json` runs once everything is built; milliseconds from its start to its end. */
export async function mainJobMs(signal: AbortSignal): Promise<number> {
  const extension = extname(import.meta.url);
  const folder = extension === '.ts' ? 'src' : 'dist';
  const program = fileURLToPath(new URL(`../../../cli/${folder}/main${extension}`, import.meta.url));
  const conditions = extension === '.ts' ? ['--conditions=@hypermesh/source'] : [];
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...conditions, program, 'up', '--once', '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    signal,
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exitCode = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const durationMs = performance.now() - startedAt;
  const ok = exitCode === 0 && (JSON.parse(output) as { readonly ok?: boolean }).ok === true;
  if (!ok) throw benchError('bench.step_failed', { command: 'npm start -- --once --json', exitCode });
  return durationMs;
}
