import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request, type RequestOptions } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { ADMIN_CONNECTIONS_MAX, type AdminServer, createAdminServer, createHealth, createMetrics } from '@hypermesh/stoq/host';

interface Answer {
  readonly status: number;
  readonly body: string;
}

function ask(options: RequestOptions, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request({ agent: false, ...options }, (response) => {
      let text = '';
      response.on('data', (piece: Buffer) => (text += piece.toString()));
      response.on('end', () => resolve({ status: response.statusCode as number, body: text }));
    });
    asking.on('error', reject);
    asking.end(body);
  });
}

describe('admin server', () => {
  const health = createHealth();
  const metrics = createMetrics({ name: 'testd' });
  metrics.gauge({ name: 'stoq_sessions_count', help: 'Sessions' }).set({}, 4);
  const running: AdminServer[] = [];
  const started = async (listen = '127.0.0.1:0'): Promise<AdminServer> => {
    const server = createAdminServer({ listen, health, metrics });
    await server.start();
    running.push(server);
    return server;
  };
  const at = (server: AdminServer): RequestOptions => {
    const address = server.address();
    return { host: address.slice(0, address.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1'), port: Number(address.split(':').at(-1)) };
  };
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.stop()));
  });

  it.each([
    ['/healthz', 'live'],
    ['/readyz', 'ready'],
  ] as const)('%s answers by the %s checks', async (path, kind) => {
    const server = await started();
    let problem: string | null = null;
    const remove = health.check(kind, 'disk', () => problem);
    expect(await ask({ ...at(server), path })).toEqual({ status: 200, body: '{"ok":true,"checks":[{"name":"disk","problem":null}]}' });
    problem = 'full';
    expect(await ask({ ...at(server), path })).toEqual({ status: 503, body: '{"ok":false,"checks":[{"name":"disk","problem":"full"}]}' });
    remove();
  });

  it('shows the metrics', async () => {
    const answer = await ask({ ...at(await started('[::1]:0')), path: '/metrics' });
    expect(answer).toMatchObject({ status: 200, body: expect.stringContaining('stoq_sessions_count{daemon="testd"} 4') });
  });

  it.each([
    ['another path', { path: '/' }, 404],
    ['another method', { path: '/healthz', method: 'DELETE' }, 404],
    ['a name in place of an address', { path: '/healthz', headers: { host: 'evil.example' } }, 421],
  ])('refuses %s', async (_what, options, status) => {
    expect((await ask({ ...at(await started()), ...options })).status).toBe(status);
  });

  it('takes no body', async () => {
    const answer = await ask(
      { ...at(await started()), path: '/metrics', method: 'POST', headers: { 'content-type': 'application/json' } },
      '{"a":1}',
    );
    expect(answer.status).toBeGreaterThanOrEqual(400);
  });

  it('bounds its connections and goes on when they end', async () => {
    const server = await started();
    const { host, port } = at(server) as { host: string; port: number };
    const sockets: Socket[] = [];
    for (let count = 0; count < ADMIN_CONNECTIONS_MAX; count++) {
      const socket = connect(port, host);
      await once(socket, 'connect');
      sockets.push(socket);
    }
    await expect(ask({ ...at(server), path: '/healthz' })).rejects.toMatchObject({ code: 'ECONNRESET' });
    await Promise.all(sockets.map((socket) => once(socket.destroy(), 'close')));
    for (let answered = false; !answered;)
      answered = await ask({ ...at(server), path: '/healthz' }).then(
        () => true,
        () => false,
      );
  });

  it.each(['0.0.0.0:0', '[::]:0', '192.0.2.1:80', 'localhost:80', 'unix', ''])('does not listen on %j', (listen) => {
    expect(() => createAdminServer({ listen, health, metrics })).toThrow(expect.objectContaining({ code: 'stoq.config_invalid' }));
  });

  it('listens on a socket, and takes no name that is in use', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'stoq-admin-'));
    const path = join(directory, 'admin.sock');
    const other = createServer().listen(path);
    await once(other, 'listening');
    await expect(started(`unix:${path}`)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await rm(path);
    await writeFile(path, '');
    await expect(started(`unix:${path}`)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await rm(path);
    other.close();
    const server = await started(`unix:${path}`);
    expect(server.address()).toBe(`unix:${path}`);
    expect((await ask({ socketPath: path, path: '/healthz' })).status).toBe(200);
    await server.stop();
    await rm(directory, { recursive: true });
  });

  it('stops without having started', async () => {
    const server = createAdminServer({ listen: '127.0.0.1:0', health, metrics });
    await server.stop();
    expect(server.address()).toBe('127.0.0.1:0');
  });
});
