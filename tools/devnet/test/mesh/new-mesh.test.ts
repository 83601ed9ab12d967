import { createSocket } from 'node:dgram';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hypermeshdSchema } from '@hypermesh/daemons';
import { createIngress, type Ingress, type IngressConfig } from '@hypermesh/mesh';
import { parseAddress } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { configFileOf, DAEMONS, homeOf, TRUSTCHAIND, VALIDATORS } from '../../src/mesh/layout.ts';
import { createLocalMesh } from '../../src/mesh/new-mesh.ts';

const CAPACITY = { cpuMillis: 500, memoryBytes: 512 * 1024 * 1024, workloads: 8 };

describe('two meshes that are made at the same time', () => {
  let directory: string;
  const homes = (): readonly string[] => ['one', 'two'].map((name) => join(directory, name));

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'two meshes '));
    await Promise.all(homes().map((home) => createLocalMesh(home, { meshName: 'test', capacity: CAPACITY })));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test('listen at addresses of their own', async () => {
    const perMesh = await Promise.all(homes().map((home) => Promise.all([TRUSTCHAIND, ...VALIDATORS].map((name) => listenOf(home, name)))));
    for (const address of perMesh.flat(2)) await bindUdp(address);
    const hosts = perMesh.map((addresses) => new Set(addresses.flat().map((address) => parseAddress(address).host)));
    expect(hosts.map(({ size }) => size)).toEqual([1, 1]);
    // Ports alone are too few to keep meshes apart that do not run and hold none.
    if (process.platform === 'linux') expect(new Set(hosts.flatMap((set) => [...set])).size).toBe(2);
  });

  test('open all their ingresses at once, and again when somebody else has the old ports', async () => {
    const nodes = homes().flatMap((home) => VALIDATORS.map((name) => ({ home, name })));
    const configs = await Promise.all(nodes.map(({ home, name }) => ingressOf(home, name)));
    const before = await openAll(configs);
    expect(new Set(before.map((ingress) => ingress.address())).size).toBe(nodes.length);
    const ports = before.map((ingress) => Number(new URL(ingress.address()).port));
    await Promise.all(before.map((ingress) => ingress.stop()));
    await Promise.all(ports.map(holdTcp));
    const after = await openAll(configs);
    expect(new Set(after.map((ingress) => ingress.address())).size).toBe(nodes.length);
  });
});

test('two that are made in one place at the same time: one whole mesh, one refusal, nothing beside', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'one place '));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const home = join(directory, 'mesh');
  const outcomes = await Promise.allSettled([1, 2].map(() => createLocalMesh(home, { meshName: 'test', capacity: CAPACITY })));
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'trustchain.mesh_exists' } });
  for (const { name } of DAEMONS) expect(await configOf(home, name)).toMatchObject({ home: homeOf(home, name) });
  expect(await readdir(directory)).toEqual(['mesh']);
});

async function configOf(home: string, name: string): Promise<unknown> {
  return parse(await readFile(configFileOf(home, name), 'utf8')) as unknown;
}

async function listenOf(home: string, name: string): Promise<readonly string[]> {
  return ((await configOf(home, name)) as { listen: readonly string[] }).listen;
}

async function ingressOf(home: string, name: string): Promise<IngressConfig> {
  return hypermeshdSchema.parse(await configOf(home, name)).ingress as IngressConfig;
}

async function openAll(configs: readonly IngressConfig[]): Promise<readonly Ingress[]> {
  return Promise.all(
    configs.map(async (config) => {
      const ingress = createIngress(config, () => Promise.reject(new Error('no request is expected')));
      await ingress.start();
      onTestFinished(() => ingress.stop());
      return ingress;
    }),
  );
}

/** Somebody holds the port from here on: this test, unless another process was quicker. */
async function holdTcp(port: number): Promise<void> {
  const server = createServer();
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve() : reject(error)));
    server.listen(port, '127.0.0.1', resolve);
  });
}

async function bindUdp(address: string): Promise<void> {
  const { host, port } = parseAddress(address);
  const socket = createSocket('udp4');
  onTestFinished(() => new Promise<void>((resolve) => void socket.close(resolve)));
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, resolve);
  });
}
