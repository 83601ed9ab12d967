import { writeFile } from 'node:fs/promises';
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
  /** Wanted port of the first node's ingress for HTTP clients; 0 for any. */
  readonly ingressPort: number;
}

// What the first user owns: enough for years of small apps.
const ENDOWMENT_UNITS: bigint = 1_000_000n * UNITS_PER_CAES;

/** Makes the keys, certificates, genesis and configuration of a mesh of eight daemons on this machine, offline. */
export async function createLocalMesh(directory: string, options: NewMeshOptions): Promise<void> {
  const crypto = await createCrypto();
  try {
    const ports = await freeUdpPorts(1 + VALIDATORS.length);
    const address = (index: number): string => `127.0.0.1:${ports[index] as number}`;
    const plan = createMeshPlan({
      meshName: options.meshName,
      trustchaind: [address(0)],
      validators: VALIDATORS.map((name, index) => ({ name, addresses: [address(index + 1)] })),
      supplyUnits: SUPPLY_UNITS,
      user: USER,
      endowment: ENDOWMENT_UNITS,
    });
    const mesh = await createMesh(plan, { crypto, entropy: systemEntropy, clock: systemClock });
    await writeMesh(directory, mesh.files);
    for (const { name } of DAEMONS) {
      await writeFile(configFileOf(directory, name), stringify(configOf(directory, name, options, address)), { mode: 0o600 });
    }
  } finally {
    await crypto.close();
  }
}

function configOf(directory: string, name: string, options: NewMeshOptions, address: (index: number) => string): object {
  const base = { home: homeOf(directory, name) };
  const validator = VALIDATORS.indexOf(name);
  if (name === TRUSTCHAIND) return { ...base, listen: [address(0)] };
  if (validator < 0) return { ...base, listen: ['127.0.0.1:0'] };
  const port = validator === 0 ? options.ingressPort : 0;
  return { ...base, name, listen: [address(validator + 1)], ingress: { host: '127.0.0.1', port }, capacity: options.capacity };
}
