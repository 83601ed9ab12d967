import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Confinement {
  /** Files and folders that the process may read, besides this package. */
  readonly readable: readonly string[];
  /** JavaScript heap of its main thread. */
  readonly heapMegabytes: number;
  /** Further options of Node.js and V8. */
  readonly options?: readonly string[];
}

/**
 * Starts an entry file of this package as a process that meets what strangers wrote: no environment, no files but those it
 * needs, no other process, never beside keys. It ends with this process, because its channel closes then.
 */
export function forkConfined(entry: URL, { readable, heapMegabytes, options = [] }: Confinement): ChildProcess {
  const packageRoot = fileURLToPath(new URL('../..', import.meta.url));
  return fork(fileURLToPath(entry), [], {
    execArgv: [
      '--permission',
      '--allow-worker',
      ...[packageRoot, ...readable].map((path) => `--allow-fs-read=${path}`),
      `--max-old-space-size=${heapMegabytes}`,
      ...options,
      ...(entry.pathname.endsWith('.ts') ? ['--conditions=@hypermesh/source'] : []),
      '--disable-warning=ExperimentalWarning',
      '--disable-warning=SecurityWarning',
    ],
    env: {},
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}
