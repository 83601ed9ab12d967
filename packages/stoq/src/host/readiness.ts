import { closeSync, writeSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import type { DaemonFlags } from './daemon-flags.ts';
import type { DaemonProcess } from './shutdown.ts';

/** Where a daemon serves: one or several addresses under a name. */
export type DaemonAddresses = Readonly<Record<string, string | readonly string[]>>;

export interface Readiness {
  readonly name: string;
  readonly addresses: DaemonAddresses;
}

/** Tells whoever waits that the daemon serves: one JSON line, `{"ready":true,"name":..,"addresses":{..}}`. */
export async function announceReadiness(
  readiness: Readiness,
  { readyFd, readyFile }: Pick<DaemonFlags, 'readyFd' | 'readyFile'>,
  stdout: DaemonProcess['stdout'],
): Promise<void> {
  const line = `${JSON.stringify({ ready: true, ...readiness })}\n`;
  if (readyFile !== undefined) await writeWhole(readyFile, line);
  if (readyFd !== undefined) {
    writeSync(readyFd, line);
    closeSync(readyFd);
  }
  if (readyFile === undefined && readyFd === undefined) stdout.write(line);
}

/** Whoever watches for the file finds all of it. */
async function writeWhole(path: string, text: string): Promise<void> {
  const part = `${path}.part`;
  await writeFile(part, text, { mode: 0o600 });
  await rename(part, path);
}
