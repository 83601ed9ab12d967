import { join } from 'node:path';
import type { DaemonKind } from '../process/daemon-process.ts';

/** Names of the daemons of a local mesh, in the order in which they start. */
export const TRUSTCHAIND = 'trustchaind';
export const VALIDATORS: readonly string[] = ['node-1', 'node-2', 'node-3', 'node-4'];
export const CATALOGD = 'catalogd';
export const CAESARD = 'caesard';
export const STOQD = 'stoqd';
/** The first user: owner of what the main job deploys, and operator. */
export const USER = 'admin';

export interface PlacedDaemon {
  readonly name: string;
  readonly kind: DaemonKind;
}

export const DAEMONS: readonly PlacedDaemon[] = [
  { name: TRUSTCHAIND, kind: 'trustchaind' },
  ...VALIDATORS.map((name) => ({ name, kind: 'hypermeshd' }) as const),
  { name: CATALOGD, kind: 'catalogd' },
  { name: CAESARD, kind: 'caesard' },
  { name: STOQD, kind: 'stoqd' },
];

/** The folder of one daemon or user: keys, genesis, join token, configuration, data, log. */
export function homeOf(directory: string, name: string): string {
  return join(directory, 'nodes', name);
}

export function configFileOf(directory: string, name: string): string {
  return join(homeOf(directory, name), 'config.yaml');
}

export function logFileOf(directory: string, name: string): string {
  return join(homeOf(directory, name), 'log');
}
