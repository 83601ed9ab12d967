import { strict as assert } from 'node:assert';
import type { CarrierConnection } from '../carrier/carrier.ts';
import { wipe } from '../crypto/bytes.ts';
import { stoqError } from '../errors.ts';
import { alertOf, plainAlertOf } from './alert.ts';
import { HandshakeChannel } from './handshake-channel.ts';
import type { IdentityKind, LocalIdentity, PeerIdentity } from './identity.ts';
import { type KeyExchange, startClient, startServer } from './key-exchange.ts';
import { sessionSecrets } from './key-schedule.ts';
import { type SessionLimits, sessionLimits } from './limits.ts';
import { LiveSession } from './live-session.ts';
import { checkProof, makeProof, type SessionRole } from './proof.ts';
import type { AcceptOptions, ConnectOptions, HandshakeOptions, Session } from './session.ts';

// The reason of a refusal travels; then the peer closes the connection.
const ALERT_LINGER_MS = 1_000;
const NONE: Uint8Array = new Uint8Array();

/**
 * The client's side of the handshake `stoq/1`, over a connection that this side dialled. Settles when the server has
 * accepted this side's identity. Throws `stoq.handshake_*`, `stoq.identity_refused`, the own verifier's error, or the
 * code with which the peer refused; the connection is closed then.
 */
export async function connectSession(options: ConnectOptions): Promise<Session> {
  return shakeHands(options, 'client', async (attempt) => {
    const { limits } = attempt;
    const channel = new HandshakeChannel(await options.connection.openStream({ signal: options.signal }));
    attempt.channel = channel;
    const start = startClient({ binding: options.connection.binding, limits, entropy: options.entropy, expect: options.expect });
    await channel.send('clientHello', start.hello);
    const exchange = start.complete(await channel.receive('serverHello'));
    channel.protect('client', exchange.secrets);
    const peer = await checkProof('server', await channel.receive('serverProof'), exchange.transcript, exchange.secrets, options);
    await channel.send('clientProof', await makeProof('client', options.identity, exchange.transcript, exchange.secrets));
    await channel.receive('accept');
    return establish(attempt, channel, exchange, peer);
  });
}

/** The server's side, over a connection that this side accepted; as `connectSession`. */
export async function acceptSession(options: AcceptOptions): Promise<Session> {
  return shakeHands(options, 'server', async (attempt) => {
    const { limits } = attempt;
    const release = admitted(options);
    try {
      const stream = await options.connection.acceptStream();
      if (stream === null) throw stoqError('stoq.carrier_closed');
      const channel = new HandshakeChannel(stream);
      attempt.channel = channel;
      if (release instanceof Error) throw release;
      const hello = await channel.receive('clientHello');
      const { hello: answer, exchange } = startServer({ binding: options.connection.binding, limits, entropy: options.entropy }, hello);
      const identity = identityFor(options.identities(), exchange.peer.serverIdentity);
      await channel.send('serverHello', answer);
      channel.protect('server', exchange.secrets);
      await channel.send('serverProof', await makeProof('server', identity, exchange.transcript, exchange.secrets));
      const peer = await checkProof('client', await channel.receive('clientProof'), exchange.transcript, exchange.secrets, options);
      await channel.send('accept', NONE);
      return establish(attempt, channel, exchange, peer);
    } finally {
      if (!(release instanceof Error)) release();
    }
  });
}

interface Attempt {
  readonly role: SessionRole;
  readonly options: HandshakeOptions;
  readonly limits: SessionLimits;
  channel: HandshakeChannel | undefined;
}

/** A refusal is kept, not thrown, so that the peer can be told once its stream is there. */
function admitted(options: AcceptOptions): (() => void) | Error {
  try {
    return options.gate?.admit(options.connection.remoteAddress) ?? (() => {});
  } catch (error) {
    return error as Error;
  }
}

function identityFor(identities: readonly LocalIdentity[], wanted: IdentityKind | null): LocalIdentity {
  const identity = identities.find((candidate) => candidate.kind === wanted);
  if (identity === undefined) throw stoqError('stoq.identity_refused', { wanted, reason: 'none of that kind' });
  return identity;
}

function establish(attempt: Attempt, channel: HandshakeChannel, exchange: KeyExchange, peer: PeerIdentity): Session {
  const { options, role, limits } = attempt;
  const { secrets } = exchange;
  const session = new LiveSession({
    role,
    connection: options.connection,
    control: channel,
    secrets: sessionSecrets(secrets.master, exchange.transcript.digest()),
    peer,
    peerParameters: exchange.peer,
    limits,
    verifier: options.verifier,
    clock: options.clock,
  });
  wipe(secrets.client, secrets.server, secrets.clientFinished, secrets.serverFinished, secrets.master);
  session.start();
  return session;
}

/** Runs a side under its deadline and signal; on failure tells the peer why and closes the connection. */
async function shakeHands(options: HandshakeOptions, role: SessionRole, run: (attempt: Attempt) => Promise<Session>): Promise<Session> {
  const { connection, clock, signal } = options;
  assert(connection.role === (role === 'client' ? 'dialer' : 'listener'), 'the dialer of a connection is the client of its session');
  const attempt: Attempt = { role, options, limits: sessionLimits(options.limits), channel: undefined };
  const { handshakeTimeoutMs } = attempt.limits;
  const interrupted = Promise.withResolvers<never>();
  const onAbort = (): void => interrupted.reject(signal.reason as Error);
  const cancel = clock.after(handshakeTimeoutMs, () => interrupted.reject(stoqError('stoq.handshake_timeout', { handshakeTimeoutMs })));
  signal.addEventListener('abort', onAbort, { once: true });
  const running = run(attempt);
  // When the deadline wins, what follows from closing the connection concerns nobody; a late session is not kept.
  running.catch(() => {});
  try {
    signal.throwIfAborted();
    return await Promise.race([running, interrupted.promise]);
  } catch (error) {
    void running.then(
      (late) => late.abort(error as Error),
      () => {},
    );
    refuse(attempt, connection, error);
    throw error;
  } finally {
    cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

/** Tells the peer, waits for it to leave, and leaves. */
function refuse({ channel, options }: Attempt, connection: CarrierConnection, error: unknown): void {
  const cancel = options.clock.after(ALERT_LINGER_MS, () => connection.close());
  void connection.closed.then(cancel);
  if (channel === undefined || isFromPeer(error)) connection.close();
  else void channel.sendAlert(channel.isProtected ? alertOf(error) : plainAlertOf(error));
}

function isFromPeer(error: unknown): boolean {
  return (error as { data?: { by?: unknown } }).data?.by === 'peer';
}
