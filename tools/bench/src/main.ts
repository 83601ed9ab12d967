import { runCommand } from './command.ts';
import { SUITES } from './suites.ts';

// 128 and the number of SIGINT, as shells have it.
const EXIT_INTERRUPTED = 130;

// The first signal ends the measurement and stops what it has started; the second ends this process.
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort());

try {
  process.exitCode = await runCommand(
    process.argv.slice(2),
    SUITES,
    {
      write: (text) => void process.stdout.write(text),
      writeError: (text) => void process.stderr.write(text),
    },
    interrupted.signal,
  );
} catch (error) {
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`bench: ${interrupted.signal.aborted ? 'interrupted' : reason}\n`);
  process.exitCode = interrupted.signal.aborted ? EXIT_INTERRUPTED : 1;
}
