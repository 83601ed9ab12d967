import { execFile, type ChildProcess, spawn } from 'node:child_process';
import { hypermeshError } from '../../errors.ts';

/** What `runc` is asked to do; its state lives under `root`, apart from any other user of the machine. */
export interface Runc {
  /** Runs the bundle in the foreground of the returned process; the container stays known until `delete`. */
  run(id: string, bundle: string, pidFile: string): ChildProcess;
  kill(id: string, signal: 'TERM' | 'KILL'): Promise<void>;
  /** Kills what still runs and forgets the container; fine when there is none. */
  delete(id: string): Promise<void>;
}

// A command of runc takes tens of milliseconds; one that hangs must not hang the agent.
const COMMAND_MS_MAX = 15_000;

export function createRunc(root: string): Runc {
  const command = (...args: readonly string[]): Promise<string> => runProgram('runc', ['--root', root, ...args]);
  return {
    run: (id, bundle, pidFile) =>
      spawn('runc', ['--root', root, 'run', '--keep', '--bundle', bundle, '--pid-file', pidFile, id], {
        stdio: ['ignore', 'pipe', 'pipe'],
        // Signals of a terminal are for the agent, which stops its workloads itself.
        detached: true,
      }),
    async kill(id, signal) {
      await command('kill', id, signal);
    },
    async delete(id) {
      await command('delete', '--force', id);
    },
  };
}

/** The first line of `runc --version`; throws `hypermesh.driver_unavailable` when it cannot be run. */
export async function runcVersion(): Promise<string> {
  return (await runProgram('runc', ['--version'])).split('\n')[0] ?? '';
}

function runProgram(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: COMMAND_MS_MAX, maxBuffer: 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      const code = missing ? 'hypermesh.driver_unavailable' : 'hypermesh.runtime_failed';
      reject(hypermeshError(code, { program, reason: missing ? 'not installed' : stderr.trim().slice(-500) }, { cause: error }));
    });
  });
}
