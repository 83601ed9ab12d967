import { renameSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';
import { LIVE_MEMORY_DIRECTORY } from './live-memory.ts';

// Preloaded into daemons under attack: on SIGUSR2 a daemon collects all its garbage and writes how many bytes are left.
const directory = process.env[LIVE_MEMORY_DIRECTORY];
if (isMainThread && directory !== undefined) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  process.on('SIGUSR2', () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    const file = `${directory}/${process.pid}`;
    writeFileSync(`${file}.new`, String(heapUsed + external));
    renameSync(`${file}.new`, file);
  });
}
