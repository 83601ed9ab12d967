import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { catalogContract, createWasmDriver, type LoadedPackage, loadPackage, openPackage } from '@hypermesh/catalog';
import type { RunningMesh } from '@hypermesh/devnet';
import type { RuntimeDriver, Workload } from '@hypermesh/mesh';
import { createBlobSource, createBlobStore, equalBytes } from '@hypermesh/stoq';
import { benchError } from '../errors.ts';
import { type PublishedExample, publishedExample } from '../mesh/example-app.ts';
import { latency, type Metric } from '../report/metric.ts';
import { sampleMs } from '../sampling.ts';
import type { SuiteContext } from '../suite.ts';

const MEBIBYTE = 2 ** 20;
const QUOTA_BYTES = 256 * MEBIBYTE;
const RESOLUTIONS = 200;
const RESOLUTIONS_WARM_UP = 20;
const WARM_CALLS = 500;
const WARM_CALLS_WARM_UP = 100;
const COLD_STARTS_PER_RUN = 4;
const COLD_STARTS_WARM_UP = 2;
const STOP_GRACE_MS = 1_000;
const LIMITS = {
  memoryBytesMax: 32 * MEBIBYTE,
  pidsMax: 64,
  cpuMillis: 100,
  fuelPerRequest: 1_000_000_000n,
  requestMsMax: 10_000,
} as const;
const REQUEST = { method: 'GET', path: '/', headers: {}, body: new Uint8Array() } as const;

export async function* measureCatalog({ mesh, runs, signal, onProgress }: SuiteContext): AsyncGenerator<Metric> {
  const running = await mesh.running();
  onProgress('catalog: publishing the example');
  const example = await publishedExample(running.user, signal);
  const directory = await mkdtemp(join(tmpdir(), 'hypermesh-bench-catalog-'));
  try {
    const loaded = await fetched(running, example, directory, signal);
    yield await measureResolve(running, example, loaded, signal);
    yield* measureWasm(loaded, directory, runs, signal);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The package from the catalog, over a session, verified. */
async function fetched({ user }: RunningMesh, example: PublishedExample, directory: string, signal: AbortSignal): Promise<LoadedPackage> {
  const store = createBlobStore({ directory: join(directory, 'blobs'), quotaBytes: QUOTA_BYTES });
  await store.start();
  try {
    const source = createBlobSource({ host: user.member.host, store, providers: () => [example.catalog] });
    return await loadPackage(join(directory, 'packages'), example.version, source, signal);
  } finally {
    await store.stop();
  }
}

/** Asks catalogd which root the version has, then opens the package on this disk and verifies every byte of it. */
async function measureResolve(
  { user }: RunningMesh,
  { version, catalog: target }: PublishedExample,
  loaded: LoadedPackage,
  signal: AbortSignal,
): Promise<Metric> {
  const catalog = user.member.host.connect(catalogContract, target);
  const { name, version: number } = version;
  const samples = await sampleMs(RESOLUTIONS, RESOLUTIONS_WARM_UP, async () => {
    const { value } = await catalog.resolve({ name, version: number }, { signal });
    if (value === null || !equalBytes(value.root, version.root)) throw benchError('bench.data_wrong', { package: name });
    await openPackage(join(loaded.directory, '..'), value.root);
  });
  const bytes = loaded.manifest.files.reduce((sum, { size }) => sum + size, 0);
  return latency('catalog.resolve.ms', samples, { warmUp: RESOLUTIONS_WARM_UP, processes: 2, packageBytes: bytes, verified: 'every file' });
}

async function* measureWasm(loaded: LoadedPackage, directory: string, runs: number, signal: AbortSignal): AsyncGenerator<Metric> {
  const driver = createWasmDriver({ cacheDirectory: join(directory, 'modules') });
  let starts = 0;
  const started = (): Promise<Workload> => startGuest(driver, loaded, join(directory, `guest-${starts++}`), signal);
  const guest = await started();
  const warm = await sampleMs(WARM_CALLS, WARM_CALLS_WARM_UP, () => answered(guest, signal));
  await guest.stop({ graceMs: STOP_GRACE_MS });
  yield latency('catalog.wasm.warm_ms', warm, { warmUp: WARM_CALLS_WARM_UP, processes: 2, guest: 'examples/hello' });
  const cold: Workload[] = [];
  const samples = await sampleMs(COLD_STARTS_PER_RUN * runs, COLD_STARTS_WARM_UP, async () => {
    const fresh = await started();
    cold.push(fresh);
    await answered(fresh, signal);
  });
  await Promise.all(cold.map((workload) => workload.stop({ graceMs: STOP_GRACE_MS })));
  const params = {
    warmUp: COLD_STARTS_WARM_UP,
    guest: 'examples/hello',
    includes: 'process start and first call',
    module: 'metered before',
  };
  yield latency('catalog.wasm.cold_ms', samples, params);
}

function startGuest(driver: RuntimeDriver, loaded: LoadedPackage, stateDirectory: string, signal: AbortSignal): Promise<Workload> {
  return driver.start(
    {
      id: 'bench',
      lease: 1,
      packageDirectory: loaded.directory,
      entry: loaded.manifest.entry,
      args: [],
      env: { HYPERMESH_NODE: 'bench' },
      limits: LIMITS,
      stateDirectory,
    },
    { signal },
  );
}

async function answered(guest: Workload, signal: AbortSignal): Promise<void> {
  const { status, body } = await guest.handle(REQUEST, { signal });
  if (status !== 200 || body.length === 0) throw benchError('bench.data_wrong', { status, bytes: body.length });
}
