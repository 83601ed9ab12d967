import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  caesardSchema,
  catalogdSchema,
  composeCaesard,
  composeCatalogd,
  composeHypermeshd,
  composeStoqd,
  hypermeshdSchema,
  stoqdSchema,
} from '@hypermesh/daemons';
import { createHealth, createLogger, createMetrics, type Daemon, type DaemonContext, type Health } from '@hypermesh/stoq/host';
import { createTrustchaind, trustchainConfigSchema } from '@hypermesh/trustchain';
import { parse } from 'yaml';
import { CAESARD, CATALOGD, configFileOf, homeOf, STOQD, TRUSTCHAIND, USER, VALIDATORS } from '../src/mesh/layout.ts';
import { createLocalMesh } from '../src/mesh/new-mesh.ts';

export interface InProcessMesh extends AsyncDisposable {
  readonly userHome: string;
  daemon(name: string): Daemon;
  health(name: string): Health;
  start(name: string): Promise<void>;
  stop(name: string): Promise<void>;
}

type Compose<Config> = (context: DaemonContext<Config>) => Promise<Daemon>;

/** The eight daemons of a local mesh in this process, over real sockets and files, from their own configuration files. */
export async function startInProcessMesh(): Promise<InProcessMesh> {
  const directory = await mkdtemp(join(tmpdir(), 'mesh in process '));
  const home = join(directory, 'mesh');
  const capacity = { cpuMillis: 500, memoryBytes: 512 * 1024 * 1024, workloads: 8 };
  await createLocalMesh(home, { meshName: 'test', capacity });
  const running = new Map<string, { readonly daemon: Daemon; readonly health: Health; readonly ending: AbortController }>();

  const startAs = async <Config>(name: string, schema: { parse(value: unknown): Config }, compose: Compose<Config>): Promise<void> => {
    const config = schema.parse(parse(await readFile(configFileOf(home, name), 'utf8')));
    const [health, ending] = [createHealth(), new AbortController()];
    const logger = createLogger({ name, level: 'fatal' });
    const metrics = createMetrics({ name });
    const daemon = await compose({ config, configFile: undefined, logger, metrics, health, signal: ending.signal });
    await daemon.start();
    running.set(name, { daemon, health, ending });
  };

  const start = (name: string): Promise<void> => {
    if (VALIDATORS.includes(name)) return startAs(name, hypermeshdSchema, composeHypermeshd);
    switch (name) {
      case TRUSTCHAIND:
        return startAs(name, trustchainConfigSchema, createTrustchaind);
      case CATALOGD:
        return startAs(name, catalogdSchema, composeCatalogd);
      case CAESARD:
        return startAs(name, caesardSchema, composeCaesard);
      default:
        return startAs(name, stoqdSchema, composeStoqd);
    }
  };

  const stop = async (name: string): Promise<void> => {
    const known = running.get(name);
    running.delete(name);
    known?.ending.abort();
    await known?.daemon.stop();
  };

  await start(TRUSTCHAIND);
  await Promise.all(VALIDATORS.map(start));
  await Promise.all([CATALOGD, CAESARD, STOQD].map(start));
  return {
    userHome: homeOf(home, USER),
    daemon: (name) => running.get(name)?.daemon as Daemon,
    health: (name) => running.get(name)?.health as Health,
    start,
    stop,
    async [Symbol.asyncDispose]() {
      await Promise.all([CATALOGD, CAESARD, STOQD].map(stop));
      await Promise.all(VALIDATORS.map(stop));
      await stop(TRUSTCHAIND);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
