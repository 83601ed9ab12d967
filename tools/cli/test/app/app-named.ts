import type { App } from '@hypermesh/mesh/machine';

const id = new Uint8Array(32);

/** An app as a mesh answers it. */
export function appNamed(name: string): App {
  return {
    spec: {
      name,
      package: { name, version: '1.0.0', root: id, manifest: id, kind: 'wasm' },
      replicas: 1,
      resources: { cpuMillis: 100, memoryBytes: 2 ** 26 },
      limits: { pids: 32, fuelPerRequest: 1n, requestMs: 1_000 },
      env: [],
      args: [],
      health: null,
      restart: 'always',
      exclusive: false,
      onPartition: 'keep',
    },
    owner: id,
    generation: 1,
    state: 'active',
    ended: 0,
    avoided: [],
    explanation: '',
    createdAt: 1,
    updatedAt: 1,
  };
}
