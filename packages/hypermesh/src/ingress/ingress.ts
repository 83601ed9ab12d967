import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CodedError, type ErrorSpec, PeerError } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { WorkloadRequest, WorkloadResponse } from '../runtime/driver.ts';
import { BODY_BYTES_MAX } from './workload-contract.ts';

export interface IngressConfig {
  /** Literal address, e.g. `127.0.0.1`. */
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Time for one request, milliseconds. */
  readonly requestMsMax: number;
}

/** Brings one request to a replica of the service. */
export type ServiceHandler = (service: string, request: WorkloadRequest, signal: AbortSignal) => Promise<WorkloadResponse>;

export interface Ingress {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** `http://host:port`, once started. */
  address(): string;
}

// Ordinary browsers stay below these.
const HEADER_BYTES_MAX = 16 * 1024;
const CONNECTIONS_MAX = 1_024;

// Bodies of requests that are being received or answered, all together.
const BODIES_BYTES_MAX: number = 16 * BODY_BYTES_MAX;

// How often Node looks for connections whose time is over.
const CONNECTIONS_CHECK_MS = 1_000;

/** RFC 9110, section 7.6.1: meaningful for one connection only. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const STATUS_OF: Readonly<Record<string, number>> = {
  'hypermesh.service_unknown': 404,
  'hypermesh.no_replica': 503,
  'hypermesh.workload_timeout': 504,
  'stoq.rpc_deadline': 504,
  'stoq.rpc_too_large': 413,
  'hypermesh.workload_limit': 503,
  'hypermesh.ingress_full': 503,
};

/**
 * The door for ordinary HTTP clients: `Host: <app>.mesh` or `/<app>/path` names the service. Failures answer with a status and
 * a JSON object that carries the error code.
 */
export function createIngress(config: IngressConfig, handle: ServiceHandler): Ingress {
  const bodies = new BodyBudget();
  const options = {
    maxHeaderSize: HEADER_BYTES_MAX,
    requestTimeout: config.requestMsMax,
    headersTimeout: config.requestMsMax,
    connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
  };
  const server: Server = createServer(options, (request, response) => {
    void serve({ config, handle, bodies }, request, response);
  });
  server.maxConnections = CONNECTIONS_MAX;
  return {
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(config.port, config.host, () => {
          server.off('error', reject);
          resolve();
        });
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    address() {
      const { address, port, family } = server.address() as AddressInfo;
      return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
    },
  };
}

/** The service and the path that it sees; undefined when the request names none. */
export function routeOf(host: string | undefined, target: string): { readonly service: string; readonly path: string } | undefined {
  // RFC 9112, section 3.2.2: a server accepts the absolute form, whose host stands above the header.
  const [, authority, rest] = /^http:\/\/([^/?#]+)(.*)$/iu.exec(target) ?? [];
  const path = authority === undefined ? target : rest === '' || rest === undefined ? '/' : rest;
  return routeByName((authority ?? host)?.toLowerCase(), path);
}

function routeByName(host: string | undefined, path: string): { readonly service: string; readonly path: string } | undefined {
  if (!path.startsWith('/')) return undefined;
  const byHost = /^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\.mesh(?::\d+)?$/u.exec(host ?? '');
  if (byHost !== null) return { service: byHost[1] as string, path };
  const byPath = /^\/([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(\/[^?]*)?(\?.*)?$/u.exec(path);
  return byPath === null ? undefined : { service: byPath[1] as string, path: `${byPath[2] ?? '/'}${byPath[3] ?? ''}` };
}

/** Memory that the bodies of all requests share. */
class BodyBudget {
  #used = 0;

  take(bytes: number): void {
    if (this.#used + bytes > BODIES_BYTES_MAX) throw hypermeshError('hypermesh.ingress_full', { bytesMax: BODIES_BYTES_MAX });
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

interface Serving {
  readonly config: IngressConfig;
  readonly handle: ServiceHandler;
  readonly bodies: BodyBudget;
}

async function serve({ config, handle, bodies }: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(config.requestMsMax)]);
  const received = { bytes: 0 };
  try {
    const route = routeOf(request.headers.host, request.url ?? '/');
    if (route === undefined) throw hypermeshError('hypermesh.service_unknown');
    const body = await readBody(request, bodies, received);
    const forwarded = { method: request.method ?? 'GET', path: route.path, headers: endToEnd(request.headers), body };
    const answer = await handle(route.service, forwarded, signal);
    response.writeHead(answer.status, { ...endToEnd(answer.headers), 'content-length': answer.body.length });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  } catch (error) {
    refuse(response, error);
  } finally {
    bodies.give(received.bytes);
  }
}

async function readBody(request: IncomingMessage, bodies: BodyBudget, received: { bytes: number }): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bodies.take(chunk.length);
    received.bytes += chunk.length;
    if (received.bytes > BODY_BYTES_MAX) throw hypermeshError('hypermesh.workload_limit', { limit: 'body', bytesMax: BODY_BYTES_MAX });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Without what concerns one connection only; names in lower case. */
function endToEnd(headers: Readonly<Record<string, string | readonly string[] | undefined>>): Record<string, string> {
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const connection = lower.find(([name]) => name === 'connection')?.[1];
  const named = new Set(
    String(connection ?? '')
      .toLowerCase()
      .split(/\s*,\s*/u),
  );
  const kept: Record<string, string> = {};
  for (const [name, value] of lower) {
    if (value === undefined || HOP_BY_HOP.has(name) || named.has(name)) continue;
    kept[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return kept;
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const code = error instanceof CodedError ? error.code : 'hypermesh.workload_failed';
  const status = error instanceof CodedError && error.data.limit === 'body' ? 413 : (STATUS_OF[code] ?? 502);
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(`${JSON.stringify({ error: { code, message: messageOf(error) } })}\n`);
}

/** What another node refuses comes without its words: only code and facts travel. */
function messageOf(error: unknown): string {
  if (!(error instanceof CodedError)) return 'The request could not be served';
  const catalogue: Readonly<Record<string, ErrorSpec>> = hypermeshError.catalogue;
  const entry = error instanceof PeerError ? catalogue[error.code] : undefined;
  return entry === undefined ? error.message : new CodedError(error.code, entry, error.data).message;
}
