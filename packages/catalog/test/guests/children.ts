import { execFileSync } from 'node:child_process';

/** How many processes of this one run that entry file. */
export function childrenOf(entry: string): number {
  const lines = execFileSync('ps', ['-o', 'args=', '--ppid', String(process.pid)], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => line.includes(entry)).length;
}
