import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hypermeshError } from '../../src/errors.ts';
import { createIngress, routeOf, type ServiceHandler } from '../../src/ingress/ingress.ts';
import { BODY_BYTES_MAX } from '../../src/ingress/workload-contract.ts';
import { PeerError, stoqError } from '@hypermesh/stoq';

const ECHO: ServiceHandler = async (service, { method, path, headers, body }) => ({
  status: 201,
  headers: { 'content-type': 'application/json', Connection: 'x-hop', 'X-Hop': '1', 'x-kept': 'yes' },
  body: Buffer.from(JSON.stringify({ service, method, path, headers, body: Buffer.from(body).toString() })),
});

async function started(handle: ServiceHandler, requestMsMax = 5_000): Promise<string> {
  const ingress = createIngress({ host: '127.0.0.1', port: 0, requestMsMax }, handle);
  await ingress.start();
  onTestFinished(() => ingress.stop());
  return ingress.address();
}

describe('routes', () => {
  it.each<[string | undefined, string, { service: string; path: string } | undefined]>([
    ['hello.mesh', '/a?b=c', { service: 'hello', path: '/a?b=c' }],
    ['hello.mesh:8080', '/', { service: 'hello', path: '/' }],
    ['HELLO.mesh', '/', { service: 'hello', path: '/' }],
    ['127.0.0.1:80', '/hello', { service: 'hello', path: '/' }],
    ['127.0.0.1:80', '/hello/', { service: 'hello', path: '/' }],
    ['127.0.0.1:80', '/hello/a/b?c', { service: 'hello', path: '/a/b?c' }],
    ['127.0.0.1:80', '/hello?c=d', { service: 'hello', path: '/?c=d' }],
    [undefined, '/hello', { service: 'hello', path: '/' }],
    ['other', 'http://hello.mesh/a', { service: 'hello', path: '/a' }],
    ['other', 'http://hello.mesh', { service: 'hello', path: '/' }],
    ['other', 'http://127.0.0.1/hello/x', { service: 'hello', path: '/x' }],
    ['a.b.mesh', '/', undefined],
    ['-.mesh', '/', undefined],
    ['127.0.0.1', '/', undefined],
    ['127.0.0.1', '/Hello', undefined],
    ['hello.mesh', '*', undefined],
    ['127.0.0.1', '/../hello', undefined],
  ])('%s %s', (host, target, route) => {
    expect(routeOf(host, target)).toEqual(route);
  });
});

describe('the ingress', () => {
  it('brings requests to the service and its answer back', async () => {
    const address = await started(ECHO);
    const response = await fetch(`${address}/hello/path?q=1`, { method: 'PUT', body: 'grüße', headers: { 'x-mine': 'a' } });
    expect(response.status).toBe(201);
    expect(response.headers.get('x-kept')).toBe('yes');
    expect(response.headers.get('x-hop')).toBeNull();
    const seen = (await response.json()) as { headers: Record<string, string> };
    expect(seen).toMatchObject({ service: 'hello', method: 'PUT', path: '/path?q=1', body: 'grüße', headers: { 'x-mine': 'a' } });
    expect(Object.keys(seen.headers)).not.toContain('connection');
  });

  it('routes by host, answers HEAD without a body and keeps the connection', async () => {
    const address = await started(ECHO);
    const { port } = new URL(address);
    const answers = await exchange(Number(port), [
      'HEAD / HTTP/1.1\r\nHost: hello.mesh\r\n\r\n',
      'GET /x HTTP/1.1\r\nHost: hello.mesh\r\nConnection: close, x-private\r\nX-Private: 1\r\n\r\n',
    ]);
    expect(answers.match(/HTTP\/1\.1 201/g)).toHaveLength(2);
    expect(answers.match(/\{"service":"hello"/g)).toHaveLength(1);
    expect(answers).not.toContain('x-private');
  });

  it.each<[string, () => unknown, number, string]>([
    ['an unknown service', () => hypermeshError('hypermesh.service_unknown'), 404, 'hypermesh.service_unknown'],
    ['no replica', () => hypermeshError('hypermesh.no_replica'), 503, 'hypermesh.no_replica'],
    ['a late replica', () => hypermeshError('hypermesh.workload_timeout'), 504, 'hypermesh.workload_timeout'],
    ['a late peer', () => stoqError('stoq.rpc_deadline'), 504, 'stoq.rpc_deadline'],
    ['a limit', () => hypermeshError('hypermesh.workload_limit', { limit: 'fuel' }), 503, 'hypermesh.workload_limit'],
    ['a failed replica', () => hypermeshError('hypermesh.workload_failed'), 502, 'hypermesh.workload_failed'],
    ['something unexpected', () => new Error('secret'), 502, 'hypermesh.workload_failed'],
  ])('says %s with a status and a code', async (_, error, status, code) => {
    const address = await started(() => Promise.reject(error() as Error));
    const response = await fetch(`${address}/hello`);
    const text = await response.text();
    expect([response.status, (JSON.parse(text) as { error: { code: string } }).error.code]).toEqual([status, code]);
    expect(text).not.toContain('secret');
  });

  it('says what another node refused in the words of this package', async () => {
    const refusal = new PeerError('hypermesh.workload_failed', true, { id: 'hello-1', reason: 'trap: unreachable' });
    const address = await started(() => Promise.reject(refusal));
    const { error } = (await (await fetch(`${address}/hello`)).json()) as { error: { message: string } };
    expect(error.message).toBe('The workload could not be started or has failed (id=hello-1 reason=trap: unreachable)');
  });

  it('names no service for a bare path', async () => {
    const address = await started(ECHO);
    expect((await fetch(`${address}/`)).status).toBe(404);
  });

  it('refuses a body beyond the limit, and all of them beyond theirs', async () => {
    const address = await started(ECHO, 20_000);
    const exact = await fetch(`${address}/hello`, { method: 'POST', body: new Uint8Array(1024) });
    expect(exact.status).toBe(201);
    const large = await fetch(`${address}/hello`, { method: 'POST', body: new Uint8Array(BODY_BYTES_MAX + 1) }).catch(() => undefined);
    expect(large?.status ?? 413).toBe(413);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const full = await started(async () => {
      await held;
      return { status: 200, headers: {}, body: new Uint8Array() };
    }, 20_000);
    const post = () =>
      fetch(`${full}/hello`, { method: 'POST', body: new Uint8Array(BODY_BYTES_MAX) }).then(
        ({ status }) => status,
        () => 503,
      );
    const answers = Array.from({ length: 17 }, post);
    expect(await Promise.race(answers)).toBe(503);
    release();
    const statuses = await Promise.all(answers);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(16);
    expect(await post()).toBe(200);
  }, 30_000);

  it('ends a request that takes too long, and one whose client leaves', async () => {
    const signals: AbortSignal[] = [];
    const address = await started((_service, _request, signal) => {
      signals.push(signal);
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(hypermeshError('hypermesh.workload_timeout')), { once: true }),
      );
    }, 300);
    expect((await fetch(`${address}/hello`)).status).toBe(504);
    const { port } = new URL(address);
    const client = httpRequest({ port, path: '/hello' });
    client.on('error', () => undefined).end();
    while (signals.length < 2) await new Promise((resolve) => setImmediate(resolve));
    client.destroy();
    await new Promise<void>((resolve) => (signals[1]!.aborted ? resolve() : signals[1]!.addEventListener('abort', () => resolve())));
  });

  it('survives answers and requests that are no HTTP', async () => {
    const address = await started(async (service) => ({
      status: 200,
      headers: service === 'bad' ? { 'in valid': 'x' } : { 'x-line': 'a\r\nSet-Cookie: b' },
      body: new Uint8Array(),
    }));
    expect((await fetch(`${address}/bad`)).status).toBe(502);
    expect((await fetch(`${address}/worse`)).status).toBe(502);
    const { port } = new URL(address);
    expect(await exchange(Number(port), ['garbage\r\n\r\n'])).toContain('400');
    expect((await fetch(`${address}/bad`)).status).toBe(502);
  });

  it('says when the port is taken, and stops with open connections', async () => {
    const address = await started(ECHO);
    const { port } = new URL(address);
    const second = createIngress({ host: '127.0.0.1', port: Number(port), requestMsMax: 1_000 }, ECHO);
    await expect(second.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

/** Sends raw requests over one connection and answers all that came back. */
function exchange(port: number, requests: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => requests.forEach((text) => socket.write(text)));
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (data: string) => {
      text += data;
    });
    socket.on('error', reject).on('close', () => resolve(text));
  });
}
