import { lstat, unlink } from 'node:fs/promises';
import { connect, isIP } from 'node:net';
import { fastify, type FastifyInstance } from 'fastify';
import { parseAddress } from '../carrier/address.ts';
import type { Address } from '../carrier/carrier.ts';
import { stoqError } from '../errors.ts';
import type { Health, HealthKind } from './health.ts';
import type { Startable } from './life-cycle.ts';
import type { Metrics } from './metrics.ts';

export interface AdminServerOptions {
  /** A loopback address such as `127.0.0.1:0`, or `unix:` and the path of a socket. */
  readonly listen: string;
  readonly health: Health;
  readonly metrics: Metrics;
}

export interface AdminServer extends Startable {
  /** Where it really listens; once started. */
  address(): string;
}

const UNIX_PREFIX = 'unix:';
// A scraper, a supervisor, a person: beyond that connections are closed at once.
export const ADMIN_CONNECTIONS_MAX = 32;
const REQUEST_TIMEOUT_MS = 5_000;
// No route takes a body.
const BODY_BYTES_MAX = 1;

/** Serves `/healthz`, `/readyz` and `/metrics` to this machine only. */
export function createAdminServer(options: AdminServerOptions): AdminServer {
  const target = parseTarget(options.listen);
  let server: FastifyInstance | undefined;
  return {
    async start() {
      if ('path' in target) await removeStaleSocket(target.path);
      server = createServer(options);
      await server.listen(target);
    },
    async stop() {
      await server?.close();
    },
    address() {
      if ('path' in target) return options.listen;
      return server?.listeningOrigin.replace('http://', '') ?? options.listen;
    },
  };
}

type Target = { readonly path: string } | { readonly host: string; readonly port: number };

function parseTarget(listen: string): Target {
  if (listen.startsWith(UNIX_PREFIX)) return { path: listen.slice(UNIX_PREFIX.length) };
  const { host, port } = parseListenAddress(listen);
  if (host !== '::1' && !host.startsWith('127.')) {
    throw stoqError('stoq.config_invalid', { key: 'admin.listen', reason: 'not a loopback address', remedy: 'use 127.0.0.1 or unix:PATH' });
  }
  return { host, port };
}

function parseListenAddress(listen: Address): { readonly host: string; readonly port: number } {
  try {
    return parseAddress(listen);
  } catch (cause) {
    const data = { key: 'admin.listen', reason: 'not an address', remedy: 'write 127.0.0.1:PORT or unix:PATH' };
    throw stoqError('stoq.config_invalid', data, { cause });
  }
}

/** A daemon that was killed leaves its socket behind. Anything else under that name stays, and listening fails. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found?.isSocket() === true && !(await isServed(path))) await unlink(path);
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

function createServer({ health, metrics }: AdminServerOptions): FastifyInstance {
  const server = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
  });
  server.server.maxConnections = ADMIN_CONNECTIONS_MAX;
  // A page in a browser reaches loopback under a name of its own choice; this server is asked by literal address.
  server.addHook('onRequest', async (request, reply) => {
    const host = request.hostname.replace(/^\[(.*)\]$/, '$1');
    if (host !== '' && host !== 'localhost' && isIP(host) === 0) await reply.code(421).send({ error: 'ask by literal address' });
  });
  const report = (path: string, kind: HealthKind): void => {
    server.get(path, async (_request, reply) => {
      const found = health.report(kind);
      return reply.code(found.ok ? 200 : 503).send(found);
    });
  };
  report('/healthz', 'live');
  report('/readyz', 'ready');
  server.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  server.setNotFoundHandler(async (_request, reply) => reply.code(404).send({ error: 'not found' }));
  return server;
}
