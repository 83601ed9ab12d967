import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPackage, createWasmDriver, packageRoot } from '@hypermesh/catalog';
import { formatId } from '@hypermesh/stoq';

const example = fileURLToPath(new URL('../../../examples/hello', import.meta.url));
const directory = await mkdtemp(join(tmpdir(), 'catalog-'));
const { manifest, directory: packageDirectory } = await buildPackage(example, directory);
process.stdout.write(
  `${manifest.name}@${manifest.version} with ${manifest.files.length} files, ${formatId('pkg', packageRoot(manifest)).length} characters of id\n`,
);

const driver = createWasmDriver({
  cacheDirectory: join(directory, 'modules'),
  onRun: (_, { fuelUsed, memoryBytes }) => process.stdout.write(`used fuel: ${fuelUsed > 0n}, ${memoryBytes / 1024} KiB\n`),
});
const { signal } = new AbortController();
const workload = await driver.start(
  {
    id: 'hello-1',
    lease: 1,
    packageDirectory,
    entry: manifest.entry,
    args: [],
    env: { HYPERMESH_NODE: 'here', HYPERMESH_REPLICA: 'hello-1' },
    limits: { memoryBytesMax: 2 ** 25, pidsMax: 8, cpuMillis: 1_000, fuelPerRequest: 100_000_000n, requestMsMax: 5_000 },
    stateDirectory: join(directory, 'state'),
  },
  { signal },
);
const answer = await workload.handle({ method: 'GET', path: '/', headers: {}, body: new Uint8Array() }, { signal });
process.stdout.write(`${answer.status} ${Buffer.from(answer.body).toString()}`);
await workload.stop({ graceMs: 1_000 });
