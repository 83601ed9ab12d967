import { strict as assert } from 'node:assert';
import type { Address, CarrierConnection, CarrierListener } from '../carrier/carrier.ts';
import { stoqError } from '../errors.ts';
import { createRpcClient } from '../rpc/client.ts';
import type { Contract, MethodMap } from '../rpc/contract.ts';
import { createRpcServer, type RpcServer } from '../rpc/server.ts';
import type { Client, Handlers } from '../rpc/service.ts';
import { createHandshakeGate, type HandshakeGate } from '../session/gate.ts';
import { acceptSession, connectSession } from '../session/handshake.ts';
import type { HandshakeOptions, Session } from '../session/session.ts';
import { createDialer } from './dialer.ts';
import type { Host, HostComponents, HostConfig, PeerTarget } from './host.ts';
import { createSessionPool, type SessionPool } from './session-pool.ts';
import { settledWithin } from './time-limit.ts';

// What one process is expected to hold; half of what the quic carrier lets in.
export const SESSIONS_ACCEPTED_MAX: number = 5_000;
// Above the longest deadline of our own unary methods.
export const STOP_GRACE_MS: number = 10_000;
// Streams may have no end of their own; their callers begin anew elsewhere.
export const STREAM_GRACE_MS: number = 1_000;
// What aborted calls answer takes a round trip, and more on a busy machine.
export const LAST_WORDS_MS: number = 500;

/** The network side of one process; see `Host`. Carriers that can be closed are closed with it. */
export function createHost(components: HostComponents, config: HostConfig): Host {
  return new NetworkHost(components, config);
}

class NetworkHost implements Host {
  readonly #components: HostComponents;
  readonly #config: HostConfig;
  readonly #server: RpcServer;
  readonly #pool: SessionPool;
  readonly #gate: HandshakeGate;
  readonly #accepted = new Set<Session>();
  readonly #listeners: CarrierListener[] = [];
  /** Aborts handshakes of peers under way. */
  readonly #stopping = new AbortController();
  #handshakes = 0;
  #starting: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(components: HostComponents, config: HostConfig) {
    const { clock, entropy, carriers, observer } = components;
    this.#components = components;
    this.#config = config;
    this.#gate = createHandshakeGate(clock, config.handshakeLimits);
    this.#server = createRpcServer({ clock, observer }, config);
    const dial = createDialer({
      clock,
      carriers,
      identities: config.identities,
      handshake: (options) => connectSession({ ...this.#common(), ...options }),
    });
    this.#pool = createSessionPool(
      {
        clock,
        entropy,
        dial: async (target, signal) => {
          try {
            return await dial(target, signal);
          } catch (error) {
            observer?.session({ kind: 'unreachable', addresses: target.addresses, error });
            throw error;
          }
        },
        shown: ({ expect, as: kind = expect }) =>
          config
            .identities()
            .find((identity) => identity.kind === kind)
            ?.bundle(),
        opened: (session, busy) => this.#attach(session, busy),
      },
      { idleMsMax: config.sessionIdleMsMax, ageMsMax: config.sessionAgeMsMax },
    );
  }

  serve<Methods extends MethodMap>(contract: Contract<Methods>, handlers: Handlers<Methods>): void {
    assert(this.#starting === undefined, 'contracts are served before the start');
    this.#server.serve(contract, handlers);
  }

  connect<Methods extends MethodMap>(contract: Contract<Methods>, peer: PeerTarget): Client<Methods> {
    const { clock, observer } = this.#components;
    return createRpcClient(contract, this.#pool.source(peer), { clock, observer });
  }

  addresses(): readonly Address[] {
    return this.#listeners.map(({ address }) => address);
  }

  async start(): Promise<void> {
    assert(this.#starting === undefined, 'a host starts once');
    this.#starting = this.#listenAll();
    try {
      await this.#starting;
    } catch (error) {
      await this.stop({ graceMs: 0 });
      throw error;
    }
  }

  stop(options: { graceMs?: number } = {}): Promise<void> {
    this.#stopped ??= this.#stop(options.graceMs ?? STOP_GRACE_MS);
    return this.#stopped;
  }

  async #stop(graceMs: number): Promise<void> {
    const { clock, carriers } = this.#components;
    const endMs = clock.monotonic() + graceMs;
    const restMs = (): number => Math.max(0, endMs - clock.monotonic());
    this.#stopping.abort(stoqError('stoq.session_closed', { reason: 'this host is stopping' }));
    await this.#starting?.catch(() => {});
    // Own calls may still go out meanwhile: handlers under way need them to finish.
    const drained = this.#server.drain();
    if (!(await settledWithin(clock, Math.min(STREAM_GRACE_MS, restMs()), drained))) this.#server.abort('streams');
    let lastWordsMs = 0;
    if (!(await settledWithin(clock, restMs(), drained))) {
      this.#server.abort('all');
      // The grace is over, but callers still have to hear why: a closed carrier takes what waits to be sent with it.
      lastWordsMs = graceMs === 0 ? 0 : LAST_WORDS_MS;
      await settledWithin(clock, lastWordsMs, drained);
    }
    const lingerMs = Math.max(restMs(), lastWordsMs);
    await Promise.all([
      this.#pool.close({ graceMs: lingerMs }),
      ...[...this.#accepted].map((session) => session.close({ graceMs: lingerMs })),
    ]);
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    await Promise.all(carriers.map(async (carrier) => carrier.close?.()));
  }

  async #listenAll(): Promise<void> {
    for (const address of this.#config.listen) {
      this.#stopping.signal.throwIfAborted();
      this.#listeners.push(await this.#listen(address));
    }
  }

  /** The first carrier that knows the form of the address. */
  async #listen(address: Address): Promise<CarrierListener> {
    let refusal: unknown = stoqError('stoq.carrier_address', { address });
    for (const carrier of this.#components.carriers) {
      try {
        return await carrier.listen(address, (connection) => void this.#accept(connection));
      } catch (error) {
        if (!stoqError.is(error, 'stoq.carrier_address')) throw error;
        refusal = error;
      }
    }
    throw refusal;
  }

  async #accept(connection: CarrierConnection): Promise<void> {
    const { remoteAddress } = connection;
    try {
      this.#admit();
    } catch (error) {
      connection.close();
      this.#components.observer?.session({ kind: 'refused', remoteAddress, error });
      return;
    }
    this.#handshakes += 1;
    try {
      const { identities } = this.#config;
      const session = await acceptSession({ ...this.#common(), connection, identities, gate: this.#gate, signal: this.#stopping.signal });
      this.#accepted.add(session);
      void session.ended.then(() => this.#accepted.delete(session));
      this.#pool.heard(session.peer.id);
      this.#attach(session);
    } catch (error) {
      this.#components.observer?.session({ kind: 'refused', remoteAddress, error });
    } finally {
      this.#handshakes -= 1;
    }
  }

  #common(): Omit<HandshakeOptions, 'connection' | 'signal'> {
    const { verifier, crypto, clock, entropy } = this.#components;
    return { verifier, crypto, clock, entropy, limits: this.#config.sessionLimits ?? {} };
  }

  #admit(): void {
    this.#stopping.signal.throwIfAborted();
    const sessionsMax = this.#config.sessionsMax ?? SESSIONS_ACCEPTED_MAX;
    if (this.#accepted.size + this.#handshakes >= sessionsMax) throw stoqError('stoq.handshake_overload', { sessionsMax });
  }

  #attach(session: Session, busy?: (change: 1 | -1) => void): void {
    const { observer } = this.#components;
    const { role: side, peer, remoteAddress } = session;
    observer?.session({ kind: 'opened', side, peer, remoteAddress });
    void session.ended.then((end) => observer?.session({ kind: 'ended', side, peer, remoteAddress, ...end }));
    void this.#server.attach(session, busy);
  }
}
