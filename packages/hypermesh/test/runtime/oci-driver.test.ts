import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { systemClock } from '@hypermesh/stoq';
import { describeDriver } from '@hypermesh/testkit/driver-compliance';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RuntimeDriver, Workload, WorkloadSpec } from '../../src/runtime/driver.ts';
import { controlGroupVersion, memoryKills } from '../../src/runtime/oci/control-group.ts';
import { createOciDriver } from '../../src/runtime/oci/oci-driver.ts';
import { LOG_LINE_LENGTH_MAX, OutputLines } from '../../src/runtime/output-lines.ts';
import { BUSYBOX, SERVE, writeLayer } from './layer.ts';

const driver: RuntimeDriver = createOciDriver({ clock: systemClock });
const status = await driver.status();
// Where the requirements were installed on purpose, their absence is a failure and not a reason to skip.
const required = process.env.HYPERMESH_REQUIRE_CONTAINERS === '1';

const MEMORY_BYTES = 32 * 1024 * 1024;

/** Programs that show what a container may do, or misbehave on demand. */
const PROGRAMS = {
  id: 'id -u; id -g; cat /proc/self/status | while read a b; do case $a in CapEff:|Seccomp:|NoNewPrivs:) echo $a $b;; esac; done',
  env: 'env',
  hog: 'x=aaaaaaaa; while :; do x=$x$x; done',
  fork: 'i=0; while [ $i -lt 200 ]; do sleep 5 & i=$((i+1)); done 2>&1; echo $i',
  write: 'echo x > /bin/x || echo refused',
  network: 'cat /proc/net/dev',
  slow: 'sleep 30',
};

test.runIf(required)('containers can run here', () => {
  expect(status).toMatchObject({ available: true });
  expect(BUSYBOX).toBeDefined();
});

describe.skipIf(!status.available || BUSYBOX === undefined)('the oci driver', () => {
  let home: string;
  let running: Workload[];

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'oci-'));
    await writeLayer(join(home, 'layer.tar'), PROGRAMS);
  });
  afterAll(() => rm(home, { recursive: true, force: true }));
  beforeEach(() => {
    running = [];
  });
  afterEach(async () => {
    await Promise.all(running.map((workload) => workload.stop({ graceMs: 0 })));
  });

  const specOf = (name: string, change: Partial<WorkloadSpec> = {}): WorkloadSpec => ({
    id: `app/${name}`,
    lease: 1,
    packageDirectory: home,
    entry: 'layer.tar',
    args: SERVE,
    env: { HYPERMESH_NODE: 'node-1' },
    limits: { memoryBytesMax: MEMORY_BYTES, pidsMax: 32, cpuMillis: 500, fuelPerRequest: 0n, requestMsMax: 2_000 },
    stateDirectory: join(home, name),
    ...change,
  });

  async function start(name: string, change: Partial<WorkloadSpec> = {}): Promise<Workload> {
    const workload = await driver.start(specOf(name, change), { signal: AbortSignal.timeout(30_000) });
    running.push(workload);
    return workload;
  }

  async function get(workload: Workload, path: string): Promise<string> {
    const request = { method: 'GET', path, headers: { host: 'app.mesh' }, body: new Uint8Array() };
    const { body } = await workload.handle(request, { signal: AbortSignal.timeout(10_000) });
    return Buffer.from(body).toString();
  }

  test('answers requests, keeps the output, and leaves nothing behind when stopped', async () => {
    const workload = await start('serves');
    expect(await get(workload, '/')).toBe('hello from a container\n');
    expect(workload.logs(10)).toContain('serving on 8080');
    expect(workload.pids).toHaveLength(1);
    await workload.stop({ graceMs: 2_000 });
    expect(workload.state()).toMatchObject({ state: 'exited', reason: 'stopped' });
    expect(execFileSync('runc', ['--root', join(home, 'serves', 'runc'), 'list', '-q']).toString()).toBe('');
    expect((await readdir(join(home, 'serves'))).toSorted()).toEqual(['runc']);
    await expect(get(workload, '/')).rejects.toMatchObject({ code: 'hypermesh.workload_failed' });
  });

  test('keeps what a container printed that never served, and no place of the node', async () => {
    const output = new OutputLines();
    const args = ['/bin/sh', '-c', `for i in 1 2 3 4 5; do echo "line $i"; done; printf 'in ${home}/broken/bundle, the last'`];
    const stateDirectory = relative(process.cwd(), join(home, 'broken'));
    const started = driver.start(specOf('broken', { args, stateDirectory }), { signal: AbortSignal.timeout(30_000), output });
    await expect(started).rejects.toMatchObject({ data: { reason: 'it ended before it served (exit)' } });
    expect(output.last(10)).toEqual(['line 1', 'line 2', 'line 3', 'line 4', 'line 5', 'in /bundle, the last']);
  });

  test('bounds what a container prints that ends no line', async () => {
    const output = new OutputLines();
    const args = ['/bin/sh', '-c', 'yes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx | head -c 64000000 | tr -d "\\n"'];
    const started = driver.start(specOf('endless', { args }), { signal: AbortSignal.timeout(30_000), output });
    await expect(started).rejects.toMatchObject({ code: 'hypermesh.workload_failed' });
    expect(output.last(10).map((line) => line.length)).toEqual([LOG_LINE_LENGTH_MAX]);
  });

  test('gives no privilege, no environment of ours, no network and no writable root', async () => {
    const workload = await start('walls');
    const identity = await get(workload, '/cgi-bin/id');
    expect(identity.split('\n').slice(0, 2)).toEqual(['65534', '65534']);
    expect(identity).toMatch(/CapEff: 0+\n/u);
    expect(identity).toContain('Seccomp: 2');
    expect(identity).toContain('NoNewPrivs: 1');
    const environment = await get(workload, '/cgi-bin/env');
    expect(environment).toContain('HYPERMESH_NODE=node-1');
    expect(environment).not.toContain(process.env.HOME ?? '/root');
    expect(await get(workload, '/cgi-bin/write')).toContain('refused');
    const interfaces = [...(await get(workload, '/cgi-bin/network')).matchAll(/^ *(\S+):/gmu)].map(([, name]) => name);
    expect(interfaces).toEqual(['lo']);
  });

  test('stops what needs more memory than its limit, and its neighbour goes on', async () => {
    const [hog, neighbour] = [await start('hog'), await start('neighbour')];
    const kills = async (): Promise<number> => {
      const version = (await controlGroupVersion()) as 1 | 2;
      const groups = await readdir(version === 1 ? '/sys/fs/cgroup/memory/hypermesh' : '/sys/fs/cgroup/hypermesh', { withFileTypes: true });
      const counts = groups.filter((entry) => entry.isDirectory()).map(({ name }) => memoryKills(`/hypermesh/${name}`, version));
      return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
    };
    expect(await kills()).toBe(0);
    await get(hog, '/cgi-bin/hog').catch(() => undefined);
    expect(await kills()).toBe(1);
    expect(await get(neighbour, '/')).toBe('hello from a container\n');
    await hog.stop({ graceMs: 0 });
  });

  test('reports a container that the kernel killed for want of memory', async () => {
    const workload = driver.start(specOf('starved', { args: ['/bin/sh', '-c', 'x=aaaaaaaa; while :; do x=$x$x; done'] }), {
      signal: AbortSignal.timeout(30_000),
    });
    await expect(workload).rejects.toMatchObject({
      code: 'hypermesh.workload_failed',
      data: { reason: 'it ended before it served (out-of-memory)' },
    });
  });

  test('bounds the number of processes', async () => {
    const workload = await start('forks');
    await get(workload, '/cgi-bin/fork').catch(() => undefined);
    const pids = execFileSync(
      'runc',
      ['--root', join(home, 'forks', 'runc'), 'ps', '--format', 'json', 'x'].slice(0, 2).concat('list', '-q'),
    );
    expect(pids.toString().trim()).not.toBe('');
    const processes = execFileSync('runc', ['--root', join(home, 'forks', 'runc'), 'ps', '--format', 'json', pids.toString().trim()]);
    expect((JSON.parse(processes.toString()) as number[]).length).toBeLessThanOrEqual(32);
  });

  test('gives up a request after its time and serves the next', async () => {
    const workload = await start('slow', { limits: { ...specOf('x').limits, requestMsMax: 300 } });
    await expect(get(workload, '/cgi-bin/slow')).rejects.toMatchObject({ code: 'hypermesh.workload_timeout' });
    expect(await get(workload, '/')).toBe('hello from a container\n');
  });

  test('tells of its process before it serves, and ends it with the start', async () => {
    const abort = new AbortController();
    const pids: number[] = [];
    const spawned = (known: readonly number[]): void => {
      pids.push(...known);
      abort.abort();
    };
    const silent = driver.start(specOf('silent', { args: ['/bin/sh', '-c', 'sleep 60'] }), { signal: abort.signal, spawned });
    await expect(silent).rejects.toMatchObject({ data: { reason: 'it did not serve in time' } });
    expect(pids).toHaveLength(1);
    expect(() => process.kill(pids[0] as number, 0)).toThrow('ESRCH');
  });

  test('ends what a dead agent left behind', async () => {
    const workload = await start('orphan');
    const [pid] = workload.pids;
    await driver.reclaim(join(home, 'orphan'));
    await workload.ended;
    expect(() => process.kill(pid as number, 0)).toThrow('ESRCH');
    await driver.reclaim(join(home, 'never-started'));
  });

  test.each<[string, Partial<WorkloadSpec>, RegExp]>([
    ['no program', { args: [] }, /args must name/u],
    ['a program that is not there', { args: ['/bin/nothing'] }, /did not start|ended before/u],
    ['an entry outside the package', { entry: '../layer.tar' }, /leaves the package/u],
    ['a program that ends', { args: ['/bin/sh', '-c', 'exit 3'] }, /ended before it served|did not start|cannot be entered/u],
  ])('says what is wrong with %s', async (_, change, reason) => {
    await expect(start('refused', change)).rejects.toMatchObject({ data: { reason: expect.stringMatching(reason) } });
  });
});

if (status.available && BUSYBOX !== undefined) {
  describeDriver('oci', async (directory) => {
    await writeLayer(join(directory, 'layer.tar'), {});
    return {
      driver,
      kind: 'container',
      packageDirectory: directory,
      entry: 'layer.tar',
      args: SERVE,
      limits: { memoryBytesMax: MEMORY_BYTES, pidsMax: 32, cpuMillis: 500, fuelPerRequest: 0n, requestMsMax: 2_000 },
    };
  });
}
