import { strict as assert } from 'node:assert';
import { type PeerIdentity, type Session, type SessionEnd, type SessionStream, stoqError } from '@hypermesh/stoq';

const WINDOW_BYTES = 256 * 1024;

/** One direction of a stream: bounded, so that a writer waits for its reader. */
class Pipe {
  readonly #chunks: (Uint8Array | null)[] = [];
  readonly #waiting: (() => void)[] = [];
  #bytes = 0;
  #reading = false;
  #failure: Error | undefined;

  async write(chunk: Uint8Array | null): Promise<void> {
    while (this.#bytes >= WINDOW_BYTES && this.#failure === undefined) await this.#change();
    if (this.#failure !== undefined) throw this.#failure;
    this.#chunks.push(chunk === null ? null : Uint8Array.from(chunk));
    this.#bytes += chunk?.length ?? 0;
    this.#changed();
  }

  async read(): Promise<Uint8Array | null> {
    assert(!this.#reading, 'one read at a time');
    this.#reading = true;
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#chunks[0] === null) return null;
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#bytes -= chunk?.length ?? 0;
          this.#changed();
          return chunk;
        }
        await this.#change();
      }
    } finally {
      this.#reading = false;
    }
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#changed();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

class PipeStream implements SessionStream {
  readonly id: number;
  readonly #incoming: Pipe;
  readonly #outgoing: Pipe;

  constructor(id: number, incoming: Pipe, outgoing: Pipe) {
    this.id = id;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += 65_536) await this.#outgoing.write(bytes.subarray(at, at + 65_536));
  }

  async finish(): Promise<void> {
    await this.#outgoing.write(null);
  }

  read(): Promise<Uint8Array | null> {
    return this.#incoming.read();
  }

  reset(code: number): void {
    this.fail(stoqError('stoq.stream_reset', { code }));
  }

  fail(error: Error): void {
    this.#incoming.fail(error);
    this.#outgoing.fail(error);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (let chunk = await this.read(); chunk !== null; chunk = await this.read()) yield chunk;
  }
}

export interface SessionPair {
  /** What both ends say of the other; false until a test sets it. */
  isUnresponsive: boolean;
  readonly client: Session;
  readonly server: Session;
}

/** Both ends of a session without cryptography: what the protocol of calls sees of one. */
export function sessionPair(identities: { client?: Partial<PeerIdentity>; server?: Partial<PeerIdentity> } = {}): SessionPair {
  const queues: Record<Session['role'], (SessionStream | null)[]> = { client: [], server: [] };
  const waiting: Record<Session['role'], ((stream: SessionStream | null) => void)[]> = { client: [], server: [] };
  const streams = new Set<PipeStream>();
  let end: SessionEnd | undefined;
  let settle: (end: SessionEnd) => void = () => {};
  const ended = new Promise<SessionEnd>((resolve) => (settle = resolve));
  let nextId = 0;

  const finish = (code: string): void => {
    if (end !== undefined) return;
    end = { code, by: 'local' };
    settle(end);
    for (const stream of streams) stream.fail(stoqError('stoq.session_closed', { code }));
    for (const role of ['client', 'server'] as const) for (const resolve of waiting[role].splice(0)) resolve(null);
  };

  const side = (role: Session['role'], peer: Partial<PeerIdentity>): Session => ({
    role,
    peer: { ...PEER, ...peer },
    get isClosing() {
      return end !== undefined;
    },
    get isUnresponsive() {
      return pair.isUnresponsive;
    },
    remoteAddress: `${role === 'client' ? 'server' : 'client'}:1`,
    ended,
    async openStream() {
      if (end !== undefined) throw stoqError('stoq.session_closed', { code: end.code });
      const [there, back] = [new Pipe(), new Pipe()];
      const id = nextId++;
      const [own, other] = [new PipeStream(id, back, there), new PipeStream(id, there, back)];
      streams.add(own).add(other);
      const far = role === 'client' ? 'server' : 'client';
      const accept = waiting[far].shift();
      if (accept === undefined) queues[far].push(other);
      else accept(other);
      return own;
    },
    async acceptStream() {
      if (end !== undefined) return null;
      return queues[role].shift() ?? (await new Promise((resolve) => waiting[role].push(resolve)));
    },
    exportKey: (_label, _context, length) => new Uint8Array(length),
    ping: async () => 0,
    close: async () => finish('closed'),
    abort: (error) => finish((error as { code?: string }).code ?? 'stoq.session_closed'),
  });
  const pair: SessionPair = {
    isUnresponsive: false,
    client: side('client', identities.server ?? {}),
    server: side('server', identities.client ?? {}),
  };
  return pair;
}

const KEY = {
  classical: { algorithm: 'ed25519', bytes: new Uint8Array(32) },
  postQuantum: { algorithm: 'falcon1024', bytes: new Uint8Array(1793) },
} as const;

const PEER: PeerIdentity = {
  kind: 'bundle',
  id: new Uint8Array(32),
  key: KEY,
  roles: ['node'],
  names: [],
  notAfter: null,
  revocationIds: [],
  restricted: false,
};
