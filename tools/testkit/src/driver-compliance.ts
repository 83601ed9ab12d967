import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { processStartTime, type RuntimeDriver, type Workload, type WorkloadResponse, type WorkloadSpec } from '@hypermesh/mesh';

/** What a driver needs to be tried: a package whose workload answers `GET /` with 200 and writes a line to its log. */
export interface ComplianceTarget {
  readonly driver: RuntimeDriver;
  readonly kind: string;
  readonly packageDirectory: string;
  readonly entry: string;
  readonly args: readonly string[];
  readonly limits: WorkloadSpec['limits'];
}

/** The contract of `RuntimeDriver`, held against real workloads. `prepare` gets a directory that goes afterwards. */
export function describeDriver(name: string, prepare: (directory: string) => Promise<ComplianceTarget>): void {
  describe(`${name} as a runtime driver`, () => {
    let directory: string;
    let prepared: ComplianceTarget;
    const running: Workload[] = [];
    let started = 0;

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'driver-'));
      prepared = await prepare(directory);
    }, 60_000);
    afterEach(async () => {
      await Promise.all(running.splice(0).map((workload) => workload.stop({ graceMs: 0 })));
    });
    afterAll(() => rm(directory, { recursive: true, force: true }));

    function specOf(change: Partial<WorkloadSpec> = {}): WorkloadSpec {
      started += 1;
      const { packageDirectory, entry, args, limits } = prepared;
      const id = `compliance-${started}`;
      return { id, lease: 1, packageDirectory, entry, args, env: {}, limits, stateDirectory: join(directory, id), ...change };
    }
    async function start(spec: WorkloadSpec = specOf()): Promise<Workload> {
      const workload = await prepared.driver.start(spec, { signal: AbortSignal.timeout(30_000) });
      running.push(workload);
      return workload;
    }

    const bench: Bench = { start, specOf, target: () => prepared, directory: () => directory };
    testOrdinaryLife(bench);
    testFaults(bench);
  });
}

interface Bench {
  readonly start: (spec?: WorkloadSpec) => Promise<Workload>;
  readonly specOf: (change?: Partial<WorkloadSpec>) => WorkloadSpec;
  readonly target: () => ComplianceTarget;
  readonly directory: () => string;
}

function testOrdinaryLife({ start, specOf, target }: Bench): void {
  it('says what it can do', async () => {
    const status = await target().driver.status();
    expect(status).toMatchObject({ available: true, capabilities: { name: target().driver.name } });
    expect(status.available && status.capabilities.packageKinds).toContain(target().kind);
  });

  it('starts what answers requests, in processes of its own', async () => {
    const spec = specOf();
    const workload = await start(spec);
    expect(workload.id).toBe(spec.id);
    expect(workload.state()).toEqual({ state: 'running' });
    expect((await get(workload)).status).toBe(200);
    expect(workload.pids.length).toBeGreaterThan(0);
    expect(workload.pids).not.toContain(process.pid);
    for (const pid of workload.pids) expect(processStartTime(pid)).toBeDefined();
  });

  it('keeps the last lines of output, no more than asked for', async () => {
    const workload = await start();
    for (let request = 0; request < 3; request++) await get(workload);
    expect(workload.logs(1_000).length).toBeGreaterThan(0);
    expect(workload.logs(1)).toEqual(workload.logs(1_000).slice(-1));
  });

  it('stops it for good, as often as it is asked', async () => {
    const workload = await start();
    await Promise.all([workload.stop({ graceMs: 5_000 }), workload.stop({ graceMs: 5_000 })]);
    await workload.stop({ graceMs: 5_000 });
    expect(workload.state()).toMatchObject({ state: 'exited', reason: 'stopped' });
    expect(await workload.ended).toEqual(workload.state());
    for (const pid of workload.pids) expect(processStartTime(pid)).toBeUndefined();
    await expect(get(workload)).rejects.toMatchObject({ code: 'hypermesh.workload_failed' });
  });
}

function testFaults({ start, specOf, target, directory }: Bench): void {
  it('kills what does not end within the grace', async () => {
    const workload = await start();
    for (const pid of workload.pids) process.kill(pid, 'SIGSTOP');
    await workload.stop({ graceMs: 200 });
    expect(workload.state()).toMatchObject({ state: 'exited', reason: 'stopped' });
  });

  it('reports one that was killed', async () => {
    const workload = await start();
    for (const pid of workload.pids) process.kill(pid, 'SIGKILL');
    const end = await workload.ended;
    expect(end.state).toBe('exited');
    expect(end).not.toMatchObject({ reason: 'stopped' });
    await expect(get(workload)).rejects.toMatchObject({ code: 'hypermesh.workload_failed' });
  });

  it('keeps neighbours apart', async () => {
    const [first, second] = [await start(), await start()];
    await first.stop({ graceMs: 1_000 });
    expect((await get(second)).status).toBe(200);
  });

  it('gives a request up with its signal', async () => {
    const workload = await start();
    const request = { method: 'GET', path: '/', headers: {}, body: new Uint8Array() };
    await expect(workload.handle(request, { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(Error);
    expect((await get(workload)).status).toBe(200);
  });

  it('reclaims what a dead agent left, and finds nothing in an empty place', async () => {
    const spec = specOf();
    const workload = await start(spec);
    await target().driver.reclaim(spec.stateDirectory);
    expect((await workload.ended).state).toBe('exited');
    for (const pid of workload.pids) expect(processStartTime(pid)).toBeUndefined();
    await target().driver.reclaim(spec.stateDirectory);
    await target().driver.reclaim(join(directory(), 'nothing'));
    expect((await get(await start({ ...spec, lease: 2 }))).status).toBe(200);
  });

  it('refuses a package without its entry and a start that nobody waits for', async () => {
    await expect(start(specOf({ entry: 'missing' }))).rejects.toBeInstanceOf(Error);
    await expect(target().driver.start(specOf(), { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(Error);
  });
}

function get(workload: Workload): Promise<WorkloadResponse> {
  const request = { method: 'GET', path: '/', headers: { host: 'app.mesh' }, body: new Uint8Array() };
  return workload.handle(request, { signal: AbortSignal.timeout(10_000) });
}
