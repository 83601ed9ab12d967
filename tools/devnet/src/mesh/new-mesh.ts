import { randomInt } from 'node:crypto';
import { SUPPLY_UNITS, UNITS_PER_CAES } from '@hypermesh/caesar';
import { createCrypto, systemClock, systemEntropy } from '@hypermesh/stoq';
import { createMesh, createMeshPlan, writeMesh } from '@hypermesh/trustchain';
import { stringify } from 'yaml';
import { freeUdpPorts } from '../process/free-ports.ts';
import { configFileOf, DAEMONS, homeOf, TRUSTCHAIND, USER, VALIDATORS } from './layout.ts';

export interface NewMeshOptions {
  readonly meshName: string;
  /** Resources that each node offers to workloads. */
  readonly capacity: { readonly cpuMillis: number; readonly memoryBytes: number; readonly workloads: number };
}

// What the first user owns: enough for years of small apps.
const ENDOWMENT_UNITS: bigint = 1_000_000n * UNITS_PER_CAES;

/** Makes the keys, certificates, genesis and configuration of a mesh of eight daemons on this machine, offline: the whole folder, or nothing. */
export async function createLocalMesh(directory: string, options: NewMeshOptions): Promise<void> {
  const crypto = await createCrypto();
  try {
    const host = loopbackHost();
    const ports = await freeUdpPorts(1 + VALIDATORS.length, { host });
    const address = (index: number): string => `${host}:${ports[index] as number}`;
    const plan = createMeshPlan({
      meshName: options.meshName,
      trustchaind: [address(0)],
      validators: VALIDATORS.map((name, index) => ({ name, addresses: [address(index + 1)] })),
      supplyUnits: SUPPLY_UNITS,
      user: USER,
      endowment: ENDOWMENT_UNITS,
    });
    const mesh = await createMesh(plan, { crypto, entropy: systemEntropy, clock: systemClock });
    const configs = DAEMONS.map(({ name }) => ({
      path: configFileOf('', name),
      bytes: Buffer.from(stringify(configOf(directory, name, options, address))),
    }));
    await writeMesh(directory, [...mesh.files, ...configs]);
  } finally {
    await crypto.close();
  }
}

function configOf(directory: string, name: string, options: NewMeshOptions, address: (index: number) => string): object {
  const base = { home: homeOf(directory, name) };
  const validator = VALIDATORS.indexOf(name);
  if (name === TRUSTCHAIND) return { ...base, listen: [address(0)] };
  if (validator < 0) return { ...base, listen: ['127.0.0.1:0'] };
  // The kernel chooses the port when the daemon binds it: one that is chosen here may have another holder by then.
  const ingress = { host: '127.0.0.1', port: 0 };
  return { ...base, name, listen: [address(validator + 1)], ingress, capacity: options.capacity };
}

/**
 * Addresses of genesis cannot change, and meshes that do not run hold no ports: each mesh has a loopback address to itself
 * (RFC 1122, section 3.2.1.3: all of 127/8), but for one chance in 16 million.
 */
function loopbackHost(): string {
  // Other systems answer at 127.0.0.1 alone.
  if (process.platform !== 'linux') return '127.0.0.1';
  return `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`;
}
