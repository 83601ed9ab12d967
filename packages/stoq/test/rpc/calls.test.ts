import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type Client, createRpcClient, createRpcServer, PeerError, singleSession, stoqError } from '@hypermesh/stoq';
import { collect, failureOf, openCalls } from './fixture.ts';
import { SampleLog, sampleContract, sampleHandlers, type SampleMethods } from './sample-service.ts';

describe('unary calls', () => {
  it('answer with what the handler returns', async () => {
    const { calls } = openCalls();
    expect(await calls.add({ a: 2, b: 3 })).toEqual({ sum: 5 });
    const value = { list: [1, -1, 1.5, 1n, null, true], bytes: new Uint8Array([1, 2]), nested: { text: 'ä' } };
    expect(await calls.echo(value)).toEqual(value);
  });

  it('run beside each other, in any number below the limit', async () => {
    const { calls } = openCalls();
    const sums = await Promise.all(Array.from({ length: 100 }, (_, n) => calls.add({ a: n, b: n })));
    expect(sums.map(({ sum }) => sum)).toEqual(Array.from({ length: 100 }, (_, n) => 2 * n));
  });

  it('carry large requests and responses', async () => {
    const { calls } = openCalls();
    const blob = await calls.blob(10 * 1024 * 1024);
    expect(Buffer.compare(blob, Buffer.alloc(10 * 1024 * 1024, 7))).toBe(0);
    expect(await calls.upload(new Uint8Array(10 * 1024 * 1024))).toBe(10 * 1024 * 1024);
  });

  it('leave no timer behind', async () => {
    const { calls, clientClock, serverClock, client } = openCalls();
    await calls.add({ a: 1, b: 1 });
    await failureOf(calls.fail('coded'));
    await client.ping({ signal: AbortSignal.timeout(1_000) });
    await expect.poll(() => clientClock.timers + serverClock.timers).toBe(0);
  });
});

describe('errors', () => {
  it.each<[string, (calls: Client<SampleMethods>) => Promise<unknown>, string, boolean]>([
    ['a coded error of the handler', (calls) => calls.fail('coded'), 'stoq.blob_missing', true],
    ['a code that this side does not know', (calls) => calls.fail('foreign'), 'catalog.entry_missing', true],
    ['an exception', (calls) => calls.fail('exception'), 'stoq.rpc_internal', true],
    ['a code of a wrong form', (calls) => calls.fail('misnamed'), 'stoq.rpc_internal', true],
    ['a thrown undefined', (calls) => calls.fail('nothing'), 'stoq.rpc_internal', true],
    ['a request against the contract', (calls) => calls.add({ a: 1, b: 'x' } as never), 'stoq.rpc_bad_request', false],
    ['a request that is no value', (calls) => calls.echo((() => 0) as never), 'stoq.rpc_bad_request', false],
    ['a request above its limit', (calls) => calls.echo('x'.repeat(70_000)), 'stoq.rpc_too_large', false],
    ['a response against the contract', (calls) => calls.wrong('type'), 'stoq.rpc_bad_response', false],
    ['a response above its limit', (calls) => calls.wrong('size'), 'stoq.rpc_too_large', false],
    ['a response that is no value', (calls) => calls.wrong('unsendable'), 'stoq.codec_malformed', false],
    ['a missing role', (calls) => calls.operate(null), 'stoq.rpc_forbidden', false],
    ['a kind that may not call', (calls) => calls.setOnly(null), 'stoq.rpc_forbidden', false],
  ])('%s', async (_, run, code, retryable) => {
    const { calls } = openCalls();
    expect(await failureOf(run(calls))).toMatchObject({ code, retryable });
    expect(await calls.add({ a: 1, b: 1 })).toEqual({ sum: 2 });
  });

  it('carry facts, but neither message nor stack', async () => {
    const { calls } = openCalls();
    const error = await failureOf(calls.fail('coded'));
    expect(error).toBeInstanceOf(PeerError);
    expect(error.data).toEqual({ digest: 'abc', size: 3, wide: 1n << 70n, none: null, late: false });
    const foreign = await failureOf(calls.fail('foreign'));
    expect(foreign.message).not.toContain('internal wording');
    expect(foreign.data).toEqual({ name: 'hello' });
    const internal = await failureOf(calls.fail('exception'));
    expect(JSON.stringify([internal.message, internal.data])).not.toContain('secret');
  });

  it('are cut to what an error frame holds', async () => {
    const { calls } = openCalls();
    const { data } = await failureOf(calls.fail('long'));
    expect(data['text']).toBe('x'.repeat(256));
    expect(data['infinite']).toBe('Infinity');
    expect(String(data['huge'])).toMatch(/^2037/);
    expect(data).not.toHaveProperty('bad key');
  });

  it('of an unknown method or version name it', async () => {
    const { client, clientClock: clock } = openCalls();
    const newer = createRpcClient({ ...sampleContract, version: 2 }, singleSession(client), { clock });
    expect(await failureOf(newer.add({ a: 1, b: 1 }))).toMatchObject({
      code: 'stoq.rpc_unknown_method',
      data: { method: 'sample/2.add' },
    });
  });

  it('keep what was really thrown for the observer', async () => {
    const { calls, reports } = openCalls();
    await failureOf(calls.fail('exception'));
    await expect.poll(() => reports).toHaveLength(2);
    const [server, client] = reports.toSorted((a, b) => b.side.localeCompare(a.side));
    expect(server).toMatchObject({
      side: 'server',
      method: 'sample/1.fail',
      code: 'stoq.rpc_internal',
      cause: expect.any(RangeError) as unknown,
    });
    expect(client).toMatchObject({
      side: 'client',
      method: 'sample/1.fail',
      code: 'stoq.rpc_internal',
      cause: expect.any(PeerError) as unknown,
    });
  });
});

describe('deadlines and cancellation', () => {
  it('a caller stops waiting at its deadline, and the handler is told', async () => {
    const { calls, log, clientClock } = openCalls();
    const call = failureOf(calls.hang('a', { deadlineMs: 500 }));
    await log.until(({ started }) => started.length === 1);
    clientClock.step(499);
    expect(log.aborted).toEqual([]);
    clientClock.step(1);
    expect(await call).toMatchObject({ code: 'stoq.rpc_deadline', data: { deadlineMs: 500 } });
    await log.until(({ aborted }) => aborted.length === 1);
    expect(log.aborted).toEqual([{ name: 'a', code: 'stoq.rpc_deadline' }]);
  });

  it('a server keeps the deadline that it was given', async () => {
    const { calls, log, serverClock } = openCalls();
    const call = failureOf(calls.hang('b', { deadlineMs: 700 }));
    await log.until(({ started }) => started.length === 1);
    serverClock.step(700);
    expect(await call).toBeInstanceOf(PeerError);
    expect(await call).toMatchObject({ code: 'stoq.rpc_deadline' });
    expect(log.aborted).toEqual([{ name: 'b', code: 'stoq.rpc_deadline' }]);
  });

  it('a signal cancels, and the handler is told', async () => {
    const { calls, log, reports } = openCalls();
    const controller = new AbortController();
    const call = failureOf(calls.hang('c', { signal: controller.signal }));
    await log.until(({ started }) => started.length === 1);
    controller.abort(stoqError('stoq.start_failed'));
    expect(await call).toMatchObject({ code: 'stoq.rpc_cancelled', cause: { code: 'stoq.start_failed' } });
    await log.until(({ aborted }) => aborted.length === 1);
    expect(log.aborted).toEqual([{ name: 'c', code: 'stoq.rpc_cancelled' }]);
    await expect
      .poll(() => reports.map(({ side, code }) => `${side} ${code}`).toSorted())
      .toEqual(['client stoq.rpc_cancelled', 'server stoq.rpc_cancelled']);
  });

  it('a signal that outlives its calls collects no listeners', async () => {
    const { calls } = openCalls();
    const { signal } = new AbortController();
    for (let n = 0; n < 3; n++) await calls.add({ a: n, b: 1 }, { signal });
    for await (const value of calls.count({ from: 0, to: 3 }, { signal })) expect(value).toBeLessThan(3);
    await failureOf(calls.fail('coded'));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('a signal that is aborted already sends nothing', async () => {
    const { calls, log } = openCalls();
    expect(await failureOf(calls.once('x', { signal: AbortSignal.abort() }))).toMatchObject({ code: 'stoq.rpc_cancelled' });
    expect(log.started).toEqual([]);
  });

  it('the end of the session aborts handlers and calls', async () => {
    const { calls, log, server } = openCalls();
    const call = failureOf(calls.hang('d'));
    await log.until(({ started }) => started.length === 1);
    server.abort(stoqError('stoq.session_revoked'));
    expect(await call).toMatchObject({ code: 'stoq.session_closed' });
    await log.until(({ aborted }) => aborted.length === 1);
    expect(log.aborted[0]?.code).toBe('stoq.session_closed');
  });

  it('a caller that sends no header is given up', async () => {
    const { client, serverClock, reports } = openCalls();
    const stream = await client.openStream();
    await stream.write(new Uint8Array([1]));
    await expect.poll(() => serverClock.timers).toBe(1);
    serverClock.step(10_000);
    expect(Buffer.from((await stream.read()) ?? []).toString('latin1')).toContain('stoq.rpc_deadline');
    await expect.poll(() => reports.map(({ method, code }) => `${method} ${code}`)).toEqual(['unknown stoq.rpc_deadline']);
    await stream.write(new Uint8Array(100));
    await stream.finish();
    expect(await stream.read()).toBeNull();
    await expect.poll(() => serverClock.timers).toBe(0);
  });
});

describe('streams', () => {
  it('bring all values, then end', async () => {
    const { calls } = openCalls();
    expect(await collect(calls.count({ from: 0, to: 500 }))).toEqual(Array.from({ length: 500 }, (_, n) => n));
    expect(await collect(calls.count({ from: 0, to: 0 }))).toEqual([]);
  });

  it('bring the values before an error', async () => {
    const { calls } = openCalls();
    const values: number[] = [];
    const error = await failureOf(collect(calls.count({ from: 0, to: 3, fail: true }), values));
    expect(values).toEqual([0, 1, 2]);
    expect(error).toMatchObject({ code: 'stoq.blob_corrupt', data: { at: 3 } });
  });

  it('refuse a bad request as unary calls do', async () => {
    const { calls } = openCalls();
    expect(await failureOf(collect(calls.count({ from: 'x' } as never)))).toMatchObject({ code: 'stoq.rpc_bad_request' });
  });

  it('make the handler wait for the reader', async () => {
    const { calls, log } = openCalls();
    const values = calls.chunks(32 * 1024)[Symbol.asyncIterator]();
    await values.next();
    await expect.poll(() => log.produced).toBeGreaterThan(7);
    const produced = log.produced;
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
    expect(log.produced).toBe(produced);
    for (let n = 0; n < 20; n++) await values.next();
    await expect.poll(() => log.produced).toBeGreaterThan(produced);
    await values.return?.();
  });

  it('are cancelled when the reader leaves', async () => {
    const { calls, log, reports } = openCalls();
    for await (const value of calls.chunks(1024)) if (value.length > 0) break;
    await log.until(({ aborted }) => aborted.length === 1);
    expect(log.aborted).toEqual([{ name: 'chunks', code: 'stoq.rpc_cancelled' }]);
    await expect.poll(() => reports).toHaveLength(2);
  });

  it.each<['client' | 'server', string]>([
    ['client', 'stoq.rpc_deadline'],
    ['server', 'stoq.rpc_deadline'],
  ])('end when a gap exceeds the deadline of the %s', async (side, code) => {
    const { calls, log, clientClock, serverClock } = openCalls();
    const values = calls.drip('e', { deadlineMs: 300 })[Symbol.asyncIterator]();
    expect(await values.next()).toEqual({ done: false, value: 1 });
    const failing = failureOf(values.next());
    await log.until(({ started }) => started.length === 1);
    (side === 'client' ? clientClock : serverClock).step(300);
    expect((await failing).code).toBe(code);
    await log.until(({ aborted }) => aborted.length === 1);
  });

  it('have no deadline while their reader is busy', async () => {
    const { calls, clientClock } = openCalls();
    const values = calls.count({ from: 0, to: 2 }, { deadlineMs: 300 })[Symbol.asyncIterator]();
    await values.next();
    clientClock.step(10_000);
    expect(await values.next()).toEqual({ done: false, value: 1 });
    expect(await values.next()).toEqual({ done: true, value: undefined });
  });

  it('end with the deadline when the reader takes nothing', async () => {
    const { calls, log, serverClock } = openCalls();
    const values = calls.chunks(32 * 1024, { deadlineMs: 300 })[Symbol.asyncIterator]();
    await values.next();
    await expect.poll(() => log.produced).toBeGreaterThan(7);
    serverClock.step(300);
    await log.until(({ aborted }) => aborted.length === 1);
    expect(
      await failureOf(
        (async () => {
          for (;;) await values.next();
        })(),
      ),
    ).toMatchObject({ code: 'stoq.rpc_deadline' });
  });
});

describe('limits', () => {
  it('refuse calls above those of one session', async () => {
    const { calls, log } = openCalls({}, { callsPerSessionMax: 2 });
    const controller = new AbortController();
    const hanging = ['a', 'b'].map((name) => failureOf(calls.hang(name, { signal: controller.signal })));
    await log.until(({ started }) => started.length === 2);
    expect(await failureOf(calls.add({ a: 1, b: 1 }))).toMatchObject({ code: 'stoq.rpc_overload', retryable: true });
    controller.abort();
    await Promise.all(hanging);
    await log.until(({ aborted }) => aborted.length === 2);
    await expect.poll(() => calls.add({ a: 1, b: 1 }).catch(() => null)).toEqual({ sum: 2 });
  });

  it('count a handler that ignores its signal until it settles', async () => {
    const { calls, log } = openCalls({}, { callsMax: 1 });
    const controller = new AbortController();
    const deaf = failureOf(calls.hang('deaf', { signal: controller.signal }));
    await log.until(({ started }) => started.length === 1);
    controller.abort();
    await deaf;
    await log.until(({ aborted }) => aborted.length === 1);
    expect(await failureOf(calls.add({ a: 1, b: 1 }))).toMatchObject({ code: 'stoq.rpc_overload', data: { callsMax: 1 } });
  });
});

describe('draining', () => {
  it('waits for calls under way and refuses new ones', async () => {
    const { calls, rpc, log, serverClock } = openCalls();
    const hanging = failureOf(calls.hang('a'));
    await log.until(({ started }) => started.length === 1);
    let drained = false;
    const draining = rpc.drain().then(() => (drained = true));
    expect(await failureOf(calls.add({ a: 1, b: 1 }))).toMatchObject({ code: 'stoq.rpc_stopping', retryable: true });
    expect(drained).toBe(false);
    serverClock.step(1_000);
    await hanging;
    await draining;
    await rpc.drain();
  });

  it('aborts streams, or all', async () => {
    const { calls, rpc, log } = openCalls();
    const stream = failureOf(collect(calls.drip('s')));
    const unary = failureOf(calls.hang('u'));
    await log.until(({ started }) => started.length === 2);
    rpc.abort('streams');
    expect(await stream).toMatchObject({ code: 'stoq.rpc_stopping' });
    expect(log.aborted.map(({ name }) => name)).toEqual(['s']);
    rpc.abort('all');
    expect(await unary).toMatchObject({ code: 'stoq.rpc_stopping' });
  });
});

describe('both directions', () => {
  it('a server may call back on the session of its caller', async () => {
    const { client, server, clientClock: clock } = openCalls();
    const rpc = createRpcServer({ clock });
    rpc.serve(sampleContract, sampleHandlers(new SampleLog()));
    void rpc.attach(client);
    const back = createRpcClient(sampleContract, singleSession(server), { clock });
    expect(await back.add({ a: 20, b: 1 })).toEqual({ sum: 21 });
  });
});
