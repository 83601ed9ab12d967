import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { describe, expect, it } from 'vitest';
import { hypermeshError } from '../../src/errors.ts';
import { ATTEMPTS_MAX, Dispatcher, type ReplicaCall } from '../../src/ingress/dispatcher.ts';
import type { Endpoint } from '../../src/mesh-machine/endpoint.ts';
import type { WorkloadRequest } from '../../src/runtime/driver.ts';

const endpoint = (placement: string): Endpoint => ({ placement, lease: 1, node: new Uint8Array(32), addresses: [] });
const THREE = ['a', 'b', 'c'].map(endpoint);
const request = (method = 'GET'): WorkloadRequest => ({ method, path: '/', headers: {}, body: new Uint8Array() });
const OK = { status: 200, headers: {}, body: new Uint8Array() };
const PATIENT = new AbortController().signal;

interface Bench {
  readonly dispatcher: Dispatcher;
  readonly called: string[];
}

function bench(
  call: (placement: string, attempt: number, signal: AbortSignal) => Promise<typeof OK>,
  endpoints: readonly Endpoint[] = THREE,
): Bench {
  const called: string[] = [];
  const replica: ReplicaCall = ({ placement }, _, signal) => {
    called.push(placement);
    return call(placement, called.length, signal);
  };
  const dispatcher = new Dispatcher({
    endpoints(service) {
      if (service !== 'hello') throw hypermeshError('hypermesh.service_unknown', { service });
      return endpoints;
    },
    call: replica,
    clock: new SteppedClock(),
    random: () => 0,
  });
  return { dispatcher, called };
}
const refuse = (code: Parameters<typeof hypermeshError>[0]) => () => Promise.reject(hypermeshError(code));

describe('the dispatcher', () => {
  it('counts what each placement has answered', async () => {
    const { dispatcher, called } = bench(() => Promise.resolve(OK));
    for (let sent = 0; sent < 10; sent++) await dispatcher.handle('hello', request(), PATIENT);
    const counted = THREE.reduce((sum, { placement }) => sum + dispatcher.answered(placement), 0);
    expect(counted).toBe(10);
    expect(called).toHaveLength(10);
    expect(dispatcher.answered('nobody')).toBe(0);
  });

  it.each<[string, Parameters<typeof hypermeshError>[0], string, number]>([
    ['tries a request that no replica handled elsewhere, whatever the method', 'hypermesh.workload_unknown', 'POST', ATTEMPTS_MAX],
    ['tries a safe request elsewhere after any failure', 'hypermesh.workload_failed', 'GET', ATTEMPTS_MAX],
    ['does not repeat what may have had an effect', 'hypermesh.workload_failed', 'POST', 1],
    ['does not repeat what exceeded a limit', 'hypermesh.workload_limit', 'GET', 1],
  ])('%s', async (_, code, method, attempts) => {
    const { dispatcher, called } = bench(refuse(code));
    await expect(dispatcher.handle('hello', request(method), PATIENT)).rejects.toMatchObject({ code });
    expect(called).toHaveLength(attempts);
    expect(new Set(called).size).toBe(attempts);
  });

  it('answers from the second replica when the first has gone', async () => {
    const { dispatcher, called } = bench((_, attempt) => (attempt === 1 ? refuse('hypermesh.lease_stale')() : Promise.resolve(OK)));
    expect(await dispatcher.handle('hello', request('DELETE'), PATIENT)).toBe(OK);
    expect(called).toHaveLength(2);
    expect(dispatcher.answered(called[0]!)).toBe(0);
    expect(dispatcher.answered(called[1]!)).toBe(1);
  });

  it('says what the only replica said, without asking it again', async () => {
    const { dispatcher, called } = bench(refuse('hypermesh.workload_failed'), [endpoint('a')]);
    await expect(dispatcher.handle('hello', request(), PATIENT)).rejects.toMatchObject({ code: 'hypermesh.workload_failed' });
    expect(called).toEqual(['a']);
  });

  it('says when there is no replica, no service and no time', async () => {
    const { dispatcher } = bench(() => Promise.resolve(OK), []);
    await expect(dispatcher.handle('hello', request(), PATIENT)).rejects.toMatchObject({ code: 'hypermesh.no_replica' });
    await expect(dispatcher.handle('other', request(), PATIENT)).rejects.toMatchObject({ code: 'hypermesh.service_unknown' });
    await expect(dispatcher.handle('hello', request(), AbortSignal.abort())).rejects.toMatchObject({ code: 'hypermesh.workload_timeout' });
  });

  it('leaves a replica that does not answer in time for another, but waits for one that may have acted', async () => {
    const hang = (_: string, __: number, signal: AbortSignal): Promise<typeof OK> =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
    const { dispatcher, called } = bench((placement, attempt, signal) =>
      attempt === 1 ? hang(placement, attempt, signal) : Promise.resolve(OK),
    );
    expect(await dispatcher.handle('hello', request(), PATIENT)).toBe(OK);
    expect(called).toHaveLength(2);
    const slow = bench(hang);
    const cut = AbortSignal.timeout(2_500);
    await expect(slow.dispatcher.handle('hello', request('POST'), cut)).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(slow.called).toHaveLength(1);
  }, 10_000);

  it('does not blame a replica for a client that left', async () => {
    const client = new AbortController();
    const { dispatcher, called } = bench((_, attempt) => {
      if (attempt > 1) return Promise.resolve(OK);
      client.abort();
      return refuse('hypermesh.workload_failed')();
    });
    await expect(dispatcher.handle('hello', request(), client.signal)).rejects.toMatchObject({ code: 'hypermesh.workload_failed' });
    await dispatcher.handle('hello', request(), PATIENT);
    // With this source of randomness the first candidate is taken unless it was ejected.
    expect(called[1]).toBe(called[0]);
  });
});
