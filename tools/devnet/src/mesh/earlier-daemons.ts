import { readFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { parseAddress } from '@hypermesh/stoq';
import { parse } from 'yaml';
import { isFreeUdp } from '../process/free-ports.ts';
import { configFileOf, TRUSTCHAIND, VALIDATORS } from './layout.ts';

// Daemons whose `up` was killed give calls under way 10 s, and end before their stop is forced.
const EARLIER_MS_MAX = 30_000;
const POLL_MS = 200;

export interface EarlierDaemonsOptions {
  readonly signal: AbortSignal;
  /** Called once, if there is something to wait for. */
  readonly onWait: () => void;
  readonly timeoutMs?: number;
}

/**
 * Waits while somebody holds an address of the mesh: daemons of a killed `up` end by themselves, but not at once. Who still
 * holds one when time is up is a stranger, and the daemon that cannot bind it says so.
 */
export async function awaitEarlierDaemons(directory: string, options: EarlierDaemonsOptions): Promise<void> {
  const { signal, onWait, timeoutMs = EARLIER_MS_MAX } = options;
  const untilMs = performance.now() + timeoutMs;
  let told = false;
  for (const name of [TRUSTCHAIND, ...VALIDATORS]) {
    for (const { host, port } of await fixedAddressesOf(directory, name)) {
      while (performance.now() < untilMs && !(await isFreeUdp(host, port))) {
        if (!told) onWait();
        told = true;
        await pause(POLL_MS, undefined, { signal });
      }
    }
  }
}

async function fixedAddressesOf(directory: string, name: string): Promise<readonly { readonly host: string; readonly port: number }[]> {
  const config = parse(await readFile(configFileOf(directory, name), 'utf8')) as { readonly listen?: readonly string[] };
  return (config.listen ?? []).map(parseAddress).filter(({ port }) => port !== 0);
}
