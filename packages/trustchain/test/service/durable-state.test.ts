import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, createCrypto, type Crypto, systemClock, systemEntropy } from '@hypermesh/stoq';
import { createHealth, createLogger, createMetrics } from '@hypermesh/stoq/host';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadTrustchainSecrets, type TrustchainSecrets, trustchainConfigSchema } from '../../src/config.ts';
import { createMesh, type NewMesh } from '../../src/init/mesh.ts';
import { writeMesh } from '../../src/init/mesh-files.ts';
import { createMeshPlan } from '../../src/init/plan.ts';
import { closeLogs, openLogs, readHome } from '../../src/service/durable-state.ts';
import { createTrustchain, createTrustchaind } from '../../src/trustchain.ts';
import { createKeys } from '../fixtures.ts';
import { createFolder, removeFolders } from '../log/fixtures.ts';

let crypto: Crypto;
let mesh: NewMesh;
let original: string;
let home: string;
let secrets: TrustchainSecrets;

beforeAll(async () => {
  crypto = await createCrypto();
  const plan = createMeshPlan({
    meshName: 'test',
    trustchaind: ['127.0.0.1:9292'],
    validators: [{ name: 'node-1', addresses: ['127.0.0.1:9300'] }],
    supplyUnits: 1n,
    user: 'alice',
    endowment: 0n,
  });
  mesh = await createMesh({ ...plan, members: [], endowments: [] }, { crypto, entropy: systemEntropy, clock: systemClock });
  const directory = join(await createFolder(), 'mesh');
  await writeMesh(directory, mesh.files);
  original = join(directory, 'nodes', 'trustchaind');
  secrets = await loadTrustchainSecrets({ home: original, passphraseFile: null }, { crypto, entropy: systemEntropy, now: () => 0 });
}, 60_000);
afterAll(async () => {
  await crypto.close();
  await removeFolders();
});
beforeEach(async () => {
  home = join(await createFolder(), 'home');
  await cp(original, home, { recursive: true });
});

const open = () => openLogs(home, { genesis: mesh.genesis, signers: secrets.logs, crypto, clock: systemClock, witnesses: () => null });

describe('the logs of a home', () => {
  test('are made once, and opened from then on', async () => {
    const first = await open();
    await first.packages.add(Uint8Array.of(1));
    await closeLogs(first);
    const second = await open();
    expect(second.packages.size()).toBe(1);
    await closeLogs(second);
  });

  test.each(['certificates', 'packages', 'revocations'])('a crash while they are made: the missing %s are made', async (name) => {
    await closeLogs(await open());
    await rm(join(home, 'data', name), { recursive: true });
    await rm(join(home, 'logs-created'));
    const again = await open();
    expect(Object.values(again).map((log) => log.size())).toEqual([0, 0, 0]);
    await closeLogs(again);
  });

  test('lost data are not taken for a new mesh', async () => {
    await closeLogs(await open());
    await rm(join(home, 'data'), { recursive: true });
    await expect(open()).rejects.toMatchObject({ code: 'trustchain.log_missing' });
  });
});

describe('a home', () => {
  test('is read whole', async () => {
    const read = await readHome(home, crypto);
    expect(read.genesis).toEqual(mesh.genesis);
    expect(read.invitations).toHaveLength(1);
  });

  test.each([
    ['without a file', (path: string) => rm(path), 'trustchain.config_invalid'],
    ['with a file too large', (path: string) => writeFile(path, new Uint8Array(20 * 1024 * 1024)), 'trustchain.config_invalid'],
  ])('%s is refused', async (_what, damage, code) => {
    await damage(join(home, 'intermediate.der'));
    await expect(readHome(home, crypto)).rejects.toMatchObject({ code });
  });

  test('with an intermediate of another root is refused', async () => {
    const plan = createMeshPlan({
      meshName: 'other',
      trustchaind: ['127.0.0.1:1'],
      validators: [{ name: 'node-1', addresses: ['127.0.0.1:2'] }],
      supplyUnits: 1n,
      user: 'alice',
      endowment: 0n,
    });
    const other = await createMesh({ ...plan, members: [], endowments: [] }, { crypto, entropy: systemEntropy, clock: systemClock });
    const foreign = other.files.find(({ path }) => path.endsWith('intermediate.der'))?.bytes as Uint8Array;
    await writeFile(join(home, 'intermediate.der'), foreign);
    await expect(readHome(home, crypto)).rejects.toMatchObject({ code: 'trustchain.chain_untrusted' });
  });
});

describe('the keys of trustchaind', () => {
  test('must be those of genesis', async () => {
    const config = trustchainConfigSchema.parse({ home, listen: ['127.0.0.1:0'] });
    const components = {
      crypto,
      logger: createLogger({ name: 'test', level: 'silent' }),
      metrics: createMetrics({ name: 'test' }),
      health: createHealth(),
    };
    const stranger = await createKeys(crypto);
    const session = crypto.createHybridSigner(stranger.classical, stranger.postQuantum);
    const refused = { code: 'trustchain.config_invalid' };
    await expect(createTrustchain(config, { ...secrets, session }, components)).rejects.toMatchObject(refused);
    const logs = { ...secrets.logs, packages: stranger.pair };
    await expect(createTrustchain(config, { ...secrets, logs }, components)).rejects.toMatchObject({
      ...refused,
      data: { log: 'packages' },
    });
  });

  test('a start that fails leaves nothing open', async () => {
    const config = trustchainConfigSchema.parse({ home, listen: ['192.0.2.1:1'] });
    const components = {
      crypto,
      logger: createLogger({ name: 'test', level: 'silent' }),
      metrics: createMetrics({ name: 'test' }),
      health: createHealth(),
    };
    await expect((await createTrustchain(config, secrets, components)).start()).rejects.toBeInstanceOf(CodedError);
    await closeLogs(await open());
    expect(await readFile(join(home, 'logs-created'))).toHaveLength(0);
  });
});

describe('the daemon', () => {
  test('says where it serves and what it holds, and ends with everything closed', async () => {
    const config = trustchainConfigSchema.parse({ home, listen: ['127.0.0.1:0'] });
    const [metrics, health] = [createMetrics({ name: 'trustchaind' }), createHealth()];
    const logger = createLogger({ name: 'test', level: 'silent' });
    const daemon = await createTrustchaind({
      config,
      configFile: undefined,
      logger,
      metrics,
      health,
      signal: new AbortController().signal,
    });
    await daemon.start();
    expect(daemon.addresses()).toEqual({ stoq: [expect.stringMatching(/^127\.0\.0\.1:\d+$/)] });
    const text = await metrics.text();
    expect(text).toMatch(/trustchain_zone_names_count\{daemon="trustchaind"\} 1/);
    expect(text).toMatch(/trustchain_certificate_log_entries_count\{daemon="trustchaind"\} 0/);
    expect(text).toMatch(/trustchain_witness_policy_version_count\{daemon="trustchaind"\} 0/);
    expect(health.report('ready').checks.map(({ name, problem }) => [name, problem])).toEqual([
      ['revocation-head', null],
      ['witnesses', null],
      ['validators', null],
    ]);
    await daemon.stop();
    expect(health.report('ready').checks).toEqual([]);
    await closeLogs(await open());
  });
});

describe('the configuration', () => {
  test.each([
    ['no home', { listen: ['127.0.0.1:0'] }],
    ['nowhere to listen', { home: 'x', listen: [] }],
    ['a leaf of more than a day', { home: 'x', listen: ['127.0.0.1:0'], leafLifetimeMs: 24 * 3_600_000 + 1 }],
    ['an unknown key', { home: 'x', listen: ['127.0.0.1:0'], skipPolicy: true }],
  ])('with %s is refused', (_what, config) => {
    expect(trustchainConfigSchema.safeParse(config).success).toBe(false);
  });
});
