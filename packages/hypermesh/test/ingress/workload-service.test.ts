import { type CallContext, encodeValue } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hypermeshError } from '../../src/errors.ts';
import { createReplicaCall } from '../../src/ingress/replica-call.ts';
import { BODY_BYTES_MAX, LOG_BYTES_MAX, workloadContract } from '../../src/ingress/workload-contract.ts';
import { createWorkloadService } from '../../src/ingress/workload-service.ts';
import type { Workload, WorkloadRequest } from '../../src/runtime/driver.ts';
import { LOG_LINE_LENGTH_MAX, LOG_LINES_MAX } from '../../src/runtime/output-lines.ts';
import { appSpec, found, type Founded, World } from '../mesh-machine/fixture.ts';

let founded: Founded;
beforeAll(async () => {
  founded = await found();
});
afterAll(() => founded.crypto.close());

const REQUEST: WorkloadRequest = { method: 'GET', path: '/', headers: {}, body: new Uint8Array() };
const signal = new AbortController().signal;

/** An agent that runs `hello-1` under lease 1. */
const agent = {
  workload(id: string, lease: number): Workload {
    if (id !== 'hello-1') throw hypermeshError('hypermesh.workload_unknown', { id });
    if (lease !== 1) throw hypermeshError('hypermesh.lease_stale', { id });
    return {
      handle: async ({ path }: WorkloadRequest) => ({ status: 200, headers: {}, body: Buffer.from(path) }),
    } as Partial<Workload> as Workload;
  },
  logs: (id: string, linesMax: number): readonly string[] => [`${id} began`, 'x', 'last'].slice(-linesMax),
};
const contextOf = (peer: Uint8Array): CallContext => ({ peer: { id: peer }, signal }) as Partial<CallContext> as CallContext;

describe('workload/1', () => {
  const request = { ...REQUEST, placement: 'hello-1', lease: 1 };
  const { request: method } = workloadContract.methods;

  it.each<[string, object, boolean]>([
    ['an ordinary request', {}, true],
    ['a method in small letters', { method: 'get' }, false],
    ['a relative path', { path: 'x' }, false],
    ['a fraction of a lease', { lease: 1.5 }, false],
    ['a body beyond the limit', { body: new Uint8Array(BODY_BYTES_MAX + 1) }, false],
    ['a body of the limit', { body: new Uint8Array(BODY_BYTES_MAX) }, true],
    ['an unknown key', { other: 1 }, false],
    ['no placement', { placement: '' }, false],
  ])('judges %s', (_, change, accepted) => {
    expect(method.request.safeParse({ ...request, ...change }).success).toBe(accepted);
  });

  it.each<[number, boolean]>([
    [200, true],
    [599, true],
    [600, false],
    [101, false],
  ])('judges an answer of status %d', (status, accepted) => {
    expect(method.response.safeParse({ status, headers: {}, body: new Uint8Array() }).success).toBe(accepted);
  });

  it('serves what runs here under this lease', async () => {
    const world = new World(founded);
    const service = createWorkloadService({
      agent,
      dispatcher: { answered: () => 0 },
      state: () => world.state,
      countersign: () => Promise.reject(hypermeshError('hypermesh.unsupported')),
    });
    const context = contextOf(world.id(1));
    expect(await service.request({ ...request, path: '/a' }, context)).toMatchObject({ status: 200, body: Buffer.from('/a') });
    await expect(service.request({ ...request, lease: 2 }, context)).rejects.toMatchObject({ code: 'hypermesh.lease_stale' });
    await expect(service.request({ ...request, placement: 'x' }, context)).rejects.toMatchObject({ code: 'hypermesh.workload_unknown' });
  });

  it('countersigns counts for the node that runs the placement only', async () => {
    const world = await new World(founded).ready(1);
    world.deploy(appSpec());
    const service = createWorkloadService({
      agent,
      dispatcher: { answered: (placement) => (placement === 'hello-1' ? 42 : 0) },
      state: () => world.state,
      countersign: async (placement, requests) => Buffer.from(`${placement} ${requests}`),
    });
    expect(await service.countersign({ placement: 'hello-1' }, contextOf(world.id(0)))).toEqual({
      requests: 42,
      counted: Buffer.from('hello-1 42'),
    });
    await expect(service.countersign({ placement: 'hello-1' }, contextOf(world.id(1)))).rejects.toMatchObject({
      code: 'hypermesh.not_authorised',
    });
    await expect(service.countersign({ placement: 'x' }, contextOf(world.id(0)))).rejects.toMatchObject({
      code: 'hypermesh.placement_unknown',
    });
  });
});

describe('what replicas printed', () => {
  it('is for the owner of the app', async () => {
    const world = await new World(founded).ready(1);
    world.deploy(appSpec());
    const service = createWorkloadService({
      agent,
      dispatcher: { answered: () => 0 },
      state: () => world.state,
      countersign: () => Promise.reject(hypermeshError('hypermesh.unsupported')),
    });
    const asked = { placement: 'hello-1', linesMax: 2 };
    expect(await service.logs(asked, contextOf(world.id(3)))).toEqual({ lines: ['x', 'last'] });
    for (const [placement, peer, code] of [
      ['hello-1', world.id(0), 'hypermesh.not_authorised'],
      ['x', world.id(3), 'hypermesh.placement_unknown'],
    ] as const) {
      await expect(service.logs({ ...asked, placement }, contextOf(peer))).rejects.toMatchObject({ code });
    }
  });

  it('fits one answer: the oldest lines are left out', async () => {
    const world = await new World(founded).ready(1);
    world.deploy(appSpec());
    const line = '語'.repeat(LOG_LINE_LENGTH_MAX);
    const lines = Array.from({ length: LOG_LINES_MAX }, () => line);
    const service = createWorkloadService({
      agent: { ...agent, logs: () => lines },
      dispatcher: { answered: () => 0 },
      state: () => world.state,
      countersign: () => Promise.reject(hypermeshError('hypermesh.unsupported')),
    });
    const answer = await service.logs({ placement: 'hello-1', linesMax: LOG_LINES_MAX }, contextOf(world.id(3)));
    expect(answer.lines).toHaveLength(Math.floor(LOG_BYTES_MAX / Buffer.byteLength(line)));
  });

  it('fits the limit of its message, however the bytes are spread over lines', () => {
    const { response, responseBytesMax } = workloadContract.methods.logs;
    const longest = Buffer.alloc(LOG_BYTES_MAX / LOG_LINES_MAX, 'x').toString();
    for (const lines of [Array.from({ length: LOG_LINES_MAX }, () => longest), Array.from({ length: LOG_LINES_MAX }, () => '')]) {
      expect(encodeValue({ lines: response.parse({ lines }).lines }, responseBytesMax).length).toBeLessThanOrEqual(responseBytesMax);
    }
  });

  it.each([0, 1.5, LOG_LINES_MAX + 1])('%d lines are no question', (linesMax) => {
    expect(workloadContract.methods.logs.request.safeParse({ placement: 'hello-1', linesMax }).success).toBe(false);
  });
});

describe('calls of replicas', () => {
  it('go to this process or to the node that runs them', async () => {
    const [self, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const remote: unknown[] = [];
    const call = createReplicaCall({
      self,
      agent,
      connect: ({ addresses }) => ({
        request: async (sent) => {
          remote.push({ addresses, placement: sent.placement, lease: sent.lease, path: sent.path });
          return { status: 204, headers: {}, body: new Uint8Array() };
        },
      }),
    });
    const endpoint = { placement: 'hello-1', lease: 1, node: self, addresses: ['here'] };
    expect(await call(endpoint, REQUEST, signal)).toMatchObject({ status: 200 });
    await expect(call({ ...endpoint, lease: 2 }, REQUEST, signal)).rejects.toMatchObject({ code: 'hypermesh.lease_stale' });
    expect(await call({ ...endpoint, node: other, addresses: ['there'] }, REQUEST, signal)).toMatchObject({ status: 204 });
    expect(remote).toEqual([{ addresses: ['there'], placement: 'hello-1', lease: 1, path: '/' }]);
  });
});
