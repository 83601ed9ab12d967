import { fileURLToPath } from 'node:url';
import { caesarContract, SUPPLY_UNITS } from '@hypermesh/caesar';
import { catalogContract } from '@hypermesh/catalog';
import { blobContract, circuitContract, HASH_BYTES, PeerError } from '@hypermesh/stoq';
import { queryMesh, validatorTargets, workloadContract } from '@hypermesh/mesh/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyCertificates } from '../../src/job/certificates.ts';
import { deployExample, publishExample } from '../../src/job/deployment.ts';
import { connectMesh } from '../../src/job/phase.ts';
import { closePeriod } from '../../src/job/settlement.ts';
import { sendRequests } from '../../src/job/traffic.ts';
import { openUser, type User } from '../../src/job/user.ts';
import { validatorsAtOneHeight } from '../../src/job/validators.ts';
import { waitUntil } from '../../src/job/wait.ts';
import { CAESARD, CATALOGD, DAEMONS, STOQD, USER, VALIDATORS } from '../../src/mesh/layout.ts';
import { type InProcessMesh, startInProcessMesh } from '../in-process-mesh.ts';

const EXAMPLE = fileURLToPath(new URL('../../../../examples/hello', import.meta.url));
const signal = new AbortController().signal;
const STEP_MS = 120_000;
const SERVICES = ['catalog', 'caesar', 'stoqd'];

describe('the main job, step by step in one process', { timeout: STEP_MS }, () => {
  let mesh: InProcessMesh;
  let user: User;

  beforeAll(async () => {
    mesh = await startInProcessMesh();
    user = await openUser(mesh.userHome, { name: USER, signal, onProblem: () => undefined });
  }, STEP_MS);
  afterAll(async () => {
    await user[Symbol.asyncDispose]();
    await mesh[Symbol.asyncDispose]();
  }, STEP_MS);

  test('every member is known by its name, and by a certificate in the log', async () => {
    await connectMesh(user, signal);
    // From now on this user refuses whoever has not heard of the witnesses yet.
    const { host, genesis } = user.member;
    const daemons = [
      ...validatorTargets(genesis, 'bundle'),
      ...(await Promise.all(SERVICES.map((name) => user.member.find(name, { signal })))),
    ];
    const digest = new Uint8Array(HASH_BYTES);
    for (const daemon of daemons) {
      const chunks = host.connect(blobContract, daemon).get({ digest, offset: 0 }, { signal });
      await expect(chunks[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(PeerError);
    }
    const { issued, verified, logSize } = await verifyCertificates(user, signal);
    expect({ issued, verified, logSize }).toEqual({ issued: 8, verified: 8, logSize: 8 });
    // Those that order nothing join in the background.
    const names = async (): Promise<string[]> => (await queryMesh(user.mesh, 'members', '', { signal })).map(({ name }) => name);
    await waitUntil('every daemon to join', 60_000, signal, async () => (await names()).length === 8);
    expect((await names()).toSorted()).toEqual([USER, CAESARD, CATALOGD, STOQD, ...VALIDATORS].toSorted());
    expect(await queryMesh(user.mesh, 'phase', 0, { signal })).toMatchObject({ phase: 1 });
  });

  test('services are found by name', async () => {
    for (const service of SERVICES) expect((await user.member.find(service, { signal })).addresses).toHaveLength(1);
    await expect(user.member.find('nobody', { signal })).rejects.toMatchObject({ code: 'trustchain.name_unknown' });
  });

  test('a package is published once, and again to no effect', async () => {
    const first = await publishExample(user, EXAMPLE, signal);
    expect(first).toMatchObject({ name: 'hello', version: '1.0.0', known: false });
    expect(await publishExample(user, EXAMPLE, signal)).toEqual({ ...first, known: true });
    const catalog = user.member.host.connect(catalogContract, await user.member.find('catalog', { signal }));
    const { value } = await catalog.list({ name: '' }, { signal });
    expect(value.map(({ name, root }) => [name, root])).toEqual([['hello', first.root]]);
    const blobs = user.member.host.connect(blobContract, await user.member.find('catalog', { signal }));
    expect((await blobs.stat({ digest: value[0]?.manifest as Uint8Array }, { signal })).sizeBytes).toBeGreaterThan(0);
  });

  test('an app runs on several nodes and answers through every door', async () => {
    const { name, endpoints } = await deployExample(user, EXAMPLE, signal);
    expect(endpoints).toHaveLength(3);
    expect(new Set(endpoints.map(({ node }) => Buffer.from(node).toString('hex'))).size).toBe(3);
    const ingresses = VALIDATORS.map((node) => mesh.daemon(node).addresses().ingress as string);
    const exchanges = await sendRequests(40, { ingresses, app: name, signal });
    expect(exchanges.filter(({ replica }) => replica === undefined)).toEqual([]);
    expect(new Set(exchanges.map(({ replica }) => replica)).size).toBe(3);
    const missing = await fetch(`${ingresses[0] as string}/nothing/`);
    expect([missing.status, await missing.json()]).toMatchObject([404, { error: { code: 'hypermesh.service_unknown' } }]);
  });

  test('the owner of an app reads what its replicas printed, where they run', async () => {
    const { placements } = await queryMesh(user.mesh, 'app', 'hello', { signal });
    const { host, genesis } = user.member;
    const targets = validatorTargets(genesis, 'bundle');
    const ingress = mesh.daemon('node-1').addresses().ingress as string;
    for (let turn = 0; turn < 30; turn++) await fetch(`${ingress}/hello/mine`);
    for (const { id: placement, node } of placements) {
      const printed = await Promise.all(
        targets.map((target) =>
          host
            .connect(workloadContract, target)
            .logs({ placement, linesMax: 100 }, { signal })
            .catch((error: PeerError) => error.code),
        ),
      );
      const [here, ...elsewhere] = printed.toSorted((one, other) => Number(typeof one === 'string') - Number(typeof other === 'string'));
      expect(here).toMatchObject({ lines: expect.arrayContaining(['GET /mine']) });
      expect(new Set(elsewhere)).toEqual(new Set(['hypermesh.workload_unknown']));
      expect(targets[printed.indexOf(here as string)]?.id).toEqual(node);
    }
  });

  test('counted requests are recorded, a period pays nodes, and the books balance', async () => {
    const period = await closePeriod(user, signal);
    expect(period).toMatchObject({ totalBefore: SUPPLY_UNITS, totalAfter: SUPPLY_UNITS });
    expect(period.paid.length).toBeGreaterThanOrEqual(3);
    const caesar = user.member.host.connect(caesarContract, await user.member.find('caesar', { signal }));
    await waitUntil('caesard to follow', 30_000, signal, async () => (await caesar.lastPeriod({}, { signal })).value >= period.number);
    expect((await caesar.period({ number: period.number }, { signal })).value).toEqual(period);
    expect((await caesar.audit({}, { signal })).value.total).toBe(SUPPLY_UNITS);
    const { account, amount } = period.paid[0] as { account: string; amount: bigint };
    expect((await caesar.account({ account }, { signal })).value.balance).toBe(amount);
    expect((await caesar.accounts({ after: '' }, { signal })).value.length).toBeGreaterThan(period.paid.length);
    const escrow = await caesar.escrow({ owner: user.account.owner, app: 'hello' }, { signal });
    expect(escrow.value?.spent).toBe(period.paid.reduce((sum, paid) => sum + paid.amount, 0n));
  });

  test('an edge node answers for circuits that it does not have them', async () => {
    const edge = user.member.host.connect(circuitContract, await user.member.find('stoqd', { signal }));
    const [method] = Object.keys(circuitContract.methods) as [keyof typeof edge];
    await expect((edge[method] as (request: object) => Promise<unknown>)({})).rejects.toMatchObject({
      code: expect.stringMatching(/^stoq\./u),
    });
  });

  test('all validators are at one root, and a stopped one comes back to it', async () => {
    await mesh.stop('node-4');
    await mesh.start('node-4');
    const reports = await validatorsAtOneHeight(user, signal);
    expect(reports.map(({ id }) => id)).toEqual(VALIDATORS);
    expect(new Set(reports.map(({ stateRoot }) => stateRoot)).size).toBe(1);
  });

  test('every daemon reports itself ready', async () => {
    const problems = (): unknown[] =>
      DAEMONS.flatMap(({ name }) =>
        mesh
          .health(name)
          .report('ready')
          .checks.map((check) => ({ daemon: name, ...check })),
      ).filter(({ problem }) => problem !== null);
    // The restarted node describes itself by a transaction.
    await waitUntil('all daemons to be ready', 30_000, signal, async () => problems().length === 0);
    expect(DAEMONS.every(({ name }) => mesh.health(name).report('live').ok)).toBe(true);
    expect(Object.keys(mesh.daemon(CATALOGD).addresses())).toEqual(['stoq']);
    expect(Object.keys(mesh.daemon(CAESARD).addresses())).toEqual(['stoq']);
    expect(Object.keys(mesh.daemon(STOQD).addresses())).toEqual(['stoq']);
  });
});
