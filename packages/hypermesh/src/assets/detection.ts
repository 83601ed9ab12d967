import { statfs } from 'node:fs/promises';
import { arch, availableParallelism, cpus, networkInterfaces, totalmem } from 'node:os';
import type { DetectedAsset } from '../mesh-machine/asset.ts';
import type { Capacity } from '../mesh-machine/node.ts';
import { ASSET_COUNT_MAX } from '../mesh-machine/limits.ts';

// Models are shown to people; the machine's codec takes no longer ones.
const DETAIL_LENGTH_MAX = 128;

// Left to the operating system and the daemon itself.
const RESERVED_MEMORY_SHARE = 0.25;

// Replicas that one node runs at most: each is a process of about 50 MiB.
const WORKLOAD_COUNT_MAX = 64;

/** What this machine has, read from the operating system: nothing is taken from configuration. */
export async function detectAssets(stateDirectory: string): Promise<readonly DetectedAsset[]> {
  const { blocks, bsize, type } = await statfs(stateDirectory);
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? '';
  const assets: DetectedAsset[] = [
    { kind: 'cpu', name: 'cpu', quantity: availableParallelism(), detail: detailOf(`${model} (${arch()})`) },
    { kind: 'memory', name: 'memory', quantity: totalmem(), detail: '' },
    { kind: 'storage', name: 'state', quantity: blocks * bsize, detail: `file system type 0x${type.toString(16)}` },
    ...detectInterfaces(),
  ];
  return assets.slice(0, ASSET_COUNT_MAX);
}

/** What a node with these assets may offer to workloads. */
export function allocatable(assets: readonly DetectedAsset[]): Capacity {
  const total = (kind: DetectedAsset['kind']): number =>
    assets.filter((asset) => asset.kind === kind).reduce((sum, { quantity }) => sum + quantity, 0);
  return {
    cpuMillis: total('cpu') * 1_000,
    memoryBytes: Math.floor(total('memory') * (1 - RESERVED_MEMORY_SHARE)),
    workloads: WORKLOAD_COUNT_MAX,
  };
}

/** Interfaces with an address that other machines can use, and what kind of addresses they have. */
function detectInterfaces(): DetectedAsset[] {
  return Object.entries(networkInterfaces())
    .map(([name, addresses]) => ({ name, external: (addresses ?? []).filter(({ internal }) => !internal) }))
    .filter(({ external }) => external.length > 0)
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, external }) => ({
      kind: 'network',
      name,
      quantity: 1,
      detail: [...new Set(external.map(({ family }) => family))].sort().join(', '),
    }));
}

function detailOf(text: string): string {
  return text.slice(0, DETAIL_LENGTH_MAX);
}
