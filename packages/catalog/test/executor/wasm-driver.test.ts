import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWasmDriver, type GuestReport, QUEUE_BYTES_MAX, QUEUE_MAX } from '@hypermesh/catalog';
import type { RuntimeDriver, Workload, WorkloadResponse, WorkloadSpec } from '@hypermesh/mesh';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGuestProcess } from '../../src/executor/guest-process.ts';
import { childrenOf } from '../guests/children.ts';
import { compileGuest, exampleSource, hostileSource } from '../guests/guest.ts';

let directory: string;
let driver: RuntimeDriver;
const reports: GuestReport[] = [];
const { signal } = new AbortController();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hypermesh wasm-'));
  driver = createWasmDriver({ cacheDirectory: join(directory, 'cache'), onRun: (_id, report) => reports.push(report) });
  await writeFile(join(directory, 'hostile.wasm'), await compileGuest(await hostileSource()));
  await writeFile(join(directory, 'hello.wasm'), await compileGuest(await exampleSource()));
}, 60_000);

afterAll(() => rm(directory, { recursive: true, force: true }));

function specOf(id: string, entry: string, limits: Partial<WorkloadSpec['limits']> = {}): WorkloadSpec {
  return {
    id,
    lease: 1,
    packageDirectory: directory,
    entry,
    args: [],
    env: { GRANTED: 'yes', HYPERMESH_NODE: 'n1' },
    limits: { memoryBytesMax: 16 * 2 ** 20, pidsMax: 1, cpuMillis: 500, fuelPerRequest: 20_000_000n, requestMsMax: 3_000, ...limits },
    stateDirectory: join(directory, id),
  };
}

function get(workload: Workload, path: string, body = ''): Promise<WorkloadResponse> {
  return workload.handle({ method: 'GET', path, headers: { 'x-test': 'a', proxy: 'b' }, body: Buffer.from(body) }, { signal });
}

const textOf = (response: WorkloadResponse): string => Buffer.from(response.body).toString();

describe('wasm driver', () => {
  it('runs the example as a CGI program', async () => {
    const workload = await driver.start(specOf('hello', 'hello.wasm'), { signal });
    try {
      const response = await get(workload, '/hello?x=1');
      expect(response).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
      expect(JSON.parse(textOf(response))).toEqual({ hello: 'world', node: 'n1', replica: '' });
      expect(textOf(await get(workload, '/echo', 'grüße'))).toBe('grüße');
      expect((await get(workload, '/nowhere')).status).toBe(404);
      expect(workload.logs(10)).toContain('GET /hello');
    } finally {
      await workload.stop({ graceMs: 1_000 });
    }
    expect(workload.state()).toMatchObject({ state: 'exited', reason: 'stopped' });
    await expect(get(workload, '/')).rejects.toMatchObject({ code: 'hypermesh.workload_failed' });
  });

  it('stops each hostile request within its limit and serves the next', async () => {
    const workload = await driver.start(specOf('hostile', 'hostile.wasm'), { signal });
    const neighbour = await driver.start(specOf('neighbour', 'hello.wasm'), { signal });
    try {
      const failing: [path: string, code: string, data: object][] = [
        ['/spin', 'hypermesh.workload_limit', { limit: 'fuel' }],
        ['/grow', 'hypermesh.workload_limit', { limit: 'memory' }],
        ['/deeper', 'hypermesh.workload_failed', {}],
        ['/exit', 'hypermesh.workload_failed', { reason: 'exit code 3' }],
        ['/silent', 'hypermesh.workload_failed', { reason: 'no CGI answer on standard output' }],
      ];
      for (const [path, code, data] of failing) {
        await expect(get(workload, path)).rejects.toMatchObject({ code, data });
        expect(textOf(await get(workload, '/'))).toBe('ok');
        expect((await get(neighbour, '/')).status).toBe(200);
      }
      const NOT_CAPABLE = '76';
      expect(textOf(await get(workload, '/open'))).toBe(NOT_CAPABLE);
      expect(textOf(await get(workload, '/socket'))).toBe(NOT_CAPABLE);
      expect(textOf(await get(workload, '/env?q'))).toBe('||yes|q');
      expect(textOf(await get(workload, '/deep'))).toBe('1000');
      expect(textOf(await get(workload, '/fault'))).toBe('21');
      expect(textOf(await get(workload, '/vectors'))).toBe('28');
      expect(textOf(await get(workload, '/badfd'))).toBe('88');
      expect(textOf(await get(workload, '/random'))).toBe('true28');
      expect(textOf(await get(workload, '/clock'))).toBe('0true28');
      const log = workload.logs(1_000).join('\n');
      for (const line of ['stopped: limit of fuel', 'stopped: limit of memory', 'refused: path_open', 'refused: sock_send']) {
        expect(log).toContain(line);
      }
      expect(reports.every((report) => report.memoryBytes <= 16 * 2 ** 20)).toBe(true);
    } finally {
      await Promise.all([workload.stop({ graceMs: 1_000 }), neighbour.stop({ graceMs: 1_000 })]);
    }
  }, 60_000);

  it('stops by wall clock what fuel would allow, and goes on', async () => {
    const workload = await driver.start(specOf('clock', 'hostile.wasm', { fuelPerRequest: 1n << 60n, requestMsMax: 300 }), { signal });
    try {
      const started = performance.now();
      await expect(get(workload, '/spin')).rejects.toMatchObject({ code: 'hypermesh.workload_timeout' });
      expect(performance.now() - started).toBeLessThan(3_000);
      expect(textOf(await get(workload, '/'))).toBe('ok');
    } finally {
      await workload.stop({ graceMs: 1_000 });
    }
  });

  it('logs also what came of a request that its caller gave up', async () => {
    const workload = await driver.start(specOf('given-up', 'hostile.wasm', { fuelPerRequest: 1n << 60n, requestMsMax: 300 }), { signal });
    try {
      const request = { method: 'GET', path: '/spin', headers: {}, body: new Uint8Array() };
      await expect(workload.handle(request, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ data: { cancelled: true } });
      expect(workload.logs(10)).toEqual([]);
      expect(textOf(await get(workload, '/'))).toBe('ok');
      expect(workload.logs(10)).toEqual([
        'stopped: no answer within 300 ms',
        'given up: whoever asked did not wait for the answer',
        'body of 0',
      ]);
    } finally {
      await workload.stop({ graceMs: 1_000 });
    }
  });

  it('refuses an answer beyond the limit instead of cutting it', async () => {
    const limits = { fuelPerRequest: 1n << 60n, requestMsMax: 10_000, memoryBytesMax: 128 * 2 ** 20 };
    const workload = await driver.start(specOf('flood', 'hostile.wasm', limits), { signal });
    try {
      await expect(get(workload, '/flood')).rejects.toMatchObject({ code: 'hypermesh.workload_limit', data: { limit: 'output' } });
      expect(textOf(await get(workload, '/'))).toBe('ok');
    } finally {
      await workload.stop({ graceMs: 1_000 });
    }
  });

  it('uses the same fuel for the same request', async () => {
    const workload = await driver.start(specOf('fuel', 'hostile.wasm'), { signal });
    try {
      const used: bigint[] = [];
      for (let i = 0; i < 3; i++) {
        await get(workload, '/deep');
        used.push(reports.at(-1)?.fuelUsed ?? 0n);
      }
      expect(used[0]! > 1_000n && used.every((fuel) => fuel === used[0])).toBe(true);
    } finally {
      await workload.stop({ graceMs: 1_000 });
    }
  });

  it('bounds the queue, honours cancellation and reports a killed guest', async () => {
    const workload = await driver.start(specOf('queue', 'hostile.wasm', { fuelPerRequest: 1n << 60n, requestMsMax: 5_000 }), { signal });
    const cancelled = AbortSignal.abort();
    await expect(
      workload.handle({ method: 'GET', path: '/', headers: {}, body: new Uint8Array() }, { signal: cancelled }),
    ).rejects.toMatchObject({
      code: 'hypermesh.workload_timeout',
    });
    const waiting = Array.from({ length: 64 }, () => get(workload, '/spin').catch((error: { code: string }) => error.code));
    await expect(get(workload, '/')).rejects.toMatchObject({ code: 'hypermesh.workload_limit', data: { limit: 'queue' } });
    process.kill(workload.pids[0]!, 'SIGKILL');
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['hypermesh.workload_failed']));
    expect(await workload.ended).toMatchObject({ state: 'exited', signal: 'SIGKILL', reason: 'limit' });
  });

  it('runs nothing of what was cancelled while it waited, and holds one place for what was cancelled while it ran', async () => {
    const workload = await driver.start(specOf('cancel', 'hostile.wasm', { fuelPerRequest: 1n << 60n, requestMsMax: 1_500 }), { signal });
    try {
      const { length: runs } = reports;
      const request = { method: 'POST', path: '/', headers: {}, body: new Uint8Array(1_000) };
      const cancel = async (path: string): Promise<void> => {
        const giveUp = new AbortController();
        const answer = workload.handle({ ...request, path }, { signal: giveUp.signal });
        giveUp.abort();
        await expect(answer).rejects.toMatchObject({ code: 'hypermesh.workload_timeout', data: { cancelled: true } });
      };
      await cancel('/spin');
      for (let i = 0; i < 2 * QUEUE_MAX; i++) await cancel('/');
      const waiting = Array.from({ length: QUEUE_MAX - 1 }, () => get(workload, '/'));
      await expect(get(workload, '/')).rejects.toMatchObject({ data: { limit: 'queue', max: QUEUE_MAX } });
      expect((await Promise.all(waiting)).every(({ status }) => status === 200)).toBe(true);
      expect(reports.length - runs).toBe(QUEUE_MAX - 1);
    } finally {
      await workload.stop({ graceMs: 1_000 });
    }
  });

  it('bounds the bodies that wait', async () => {
    const workload = await driver.start(specOf('bodies', 'hostile.wasm', { fuelPerRequest: 1n << 60n, requestMsMax: 500 }), { signal });
    try {
      const running = get(workload, '/spin').catch((error: { code: string }) => error.code);
      const body = new Uint8Array(QUEUE_BYTES_MAX);
      const giveUp = new AbortController();
      const large = workload.handle({ method: 'POST', path: '/', headers: {}, body }, { signal: giveUp.signal });
      await expect(get(workload, '/', 'x')).rejects.toMatchObject({ data: { limit: 'queue', bytesMax: QUEUE_BYTES_MAX } });
      giveUp.abort();
      await expect(large).rejects.toMatchObject({ code: 'hypermesh.workload_timeout' });
      expect(textOf(await get(workload, '/', 'x'))).toBe('ok');
      expect(await running).toBe('hypermesh.workload_timeout');
    } finally {
      await workload.stop({ graceMs: 1_000 });
    }
  });

  it('leaves no guest behind when its process id cannot be kept, or the start was given up', async () => {
    const spec = specOf('unkept', 'hello.wasm');
    await mkdir(join(spec.stateDirectory, 'guest.pid'), { recursive: true });
    await expect(driver.start(spec, { signal })).rejects.toMatchObject({ code: 'EISDIR' });
    const setup = { kind: 'setup', modulePath: join(spec.stateDirectory, 'module.wasm'), requestMsMax: 1_000 } as const;
    await expect(startGuestProcess(setup, AbortSignal.abort())).rejects.toMatchObject({ code: 'catalog.guest_failed' });
    expect(childrenOf('guest.entry')).toBe(0);
  });

  it('reclaims what a dead agent left behind, and nothing else', async () => {
    const spec = specOf('orphan', 'hello.wasm');
    const workload = await driver.start(spec, { signal });
    await driver.reclaim(spec.stateDirectory);
    expect(await workload.ended).toMatchObject({ signal: 'SIGKILL' });
    await writeFile(join(spec.stateDirectory, 'guest.pid'), `${process.pid} 1`);
    await driver.reclaim(spec.stateDirectory);
    await expect(readFile(join(spec.stateDirectory, 'guest.pid'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses what it cannot run', async () => {
    await writeFile(join(directory, 'text.wasm'), 'not a module');
    await expect(driver.start(specOf('text', 'text.wasm'), { signal })).rejects.toMatchObject({ code: 'catalog.module_malformed' });
    await expect(driver.start(specOf('escape', '../x.wasm'), { signal })).rejects.toMatchObject({ code: 'catalog.path_invalid' });
    await expect(driver.start(specOf('tight', 'hello.wasm', { memoryBytesMax: 0 }), { signal })).rejects.toMatchObject({
      code: 'catalog.module_memory',
    });
    expect(await driver.status()).toMatchObject({ available: true, capabilities: { isolation: 'sandbox' } });
  });
});
