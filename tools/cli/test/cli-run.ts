import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ExitCode } from '../src/exit-code.ts';
import { runCli } from '../src/run.ts';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** Runs the command as a process of its own, from the sources. */
export function spawnCli(
  argv: readonly string[],
  options: { readonly home: string; readonly cwd?: string; readonly stdin?: string },
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--conditions=@hypermesh/source', MAIN, ...argv], {
      env: { ...process.env, HYPERMESH_HOME: options.home },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(options.stdin ?? '');
  });
}

export interface InProcess extends Outcome {
  readonly code: ExitCode;
}

/** Runs the command in this process. A signal comes right after it has told of the wanted progress. */
export async function runInProcess(
  argv: readonly string[],
  options: {
    readonly home: string;
    readonly cwd?: string;
    readonly stdin?: string;
    /** Standard input in place of `stdin`. */
    readonly terminal?: Readable & { readonly isTTY: true };
    readonly interruptAt?: string;
  },
): Promise<InProcess> {
  const signals = new EventEmitter();
  let [stdout, stderr] = ['', ''];
  const code = await runCli(argv, {
    env: { HYPERMESH_HOME: options.home },
    cwd: () => options.cwd ?? options.home,
    pid: process.pid,
    kill: () => true,
    on: signals.on.bind(signals) as NodeJS.Process['on'],
    off: signals.off.bind(signals) as NodeJS.Process['off'],
    stdin: options.terminal ?? Readable.from([options.stdin ?? '']),
    stdout: { write: (text: string) => (stdout += text) },
    stderr: {
      write(text: string) {
        stderr += text;
        if (options.interruptAt !== undefined && text.includes(options.interruptAt)) queueMicrotask(() => signals.emit('SIGINT', 'SIGINT'));
      },
    },
  });
  return { code, stdout, stderr };
}
