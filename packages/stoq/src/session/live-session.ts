import type { Address, CarrierConnection, CarrierStream } from '../carrier/carrier.ts';
import type { Clock } from '../clock.ts';
import { CodedError, stoqError } from '../errors.ts';
import { Acknowledgements } from './acknowledgements.ts';
import { isCode, peerError } from './alert.ts';
import { Arrivals } from './arrivals.ts';
import { BatchBuffers } from './batch-buffers.ts';
import type { ControlFrame } from './control.ts';
import { ControlLink } from './control-link.ts';
import { ReceiveCredit, SendCredit } from './credit.ts';
import { FrameSource } from './frame.ts';
import type { IdentityVerifier, PeerIdentity } from './identity.ts';
import { exportKey, type SessionSecrets, streamTraffic } from './key-schedule.ts';
import type { SessionLimits } from './limits.ts';
import { OpenQueue } from './open-queue.ts';
import type { SessionParameters } from './parameters.ts';
import type { SessionRole } from './proof.ts';
import { LIVENESS_TOKEN, Pings } from './pings.ts';
import { RecordOpener, RecordSealer } from './record.ts';
import type { Session, SessionEnd, SessionStream } from './session.ts';
import { readPreamble } from './stream-preamble.ts';
import { LiveStream, type StreamHost } from './stream.ts';
import {
  CONTROL_STREAM_ID,
  encodeStreamId,
  openerOf,
  SeenStreams,
  streamIdOf,
  streamIndexOf,
  STREAMS_PER_SESSION_MAX,
} from './stream-ids.ts';
import { Vigil } from './vigil.ts';

export interface SessionParts {
  readonly role: SessionRole;
  readonly connection: CarrierConnection;
  /** The control stream, with what was read beyond the handshake. */
  readonly control: { readonly stream: CarrierStream; readonly source: FrameSource };
  readonly secrets: SessionSecrets;
  readonly peer: PeerIdentity;
  readonly peerParameters: SessionParameters;
  readonly limits: SessionLimits;
  readonly verifier: IdentityVerifier;
  readonly clock: Clock;
}

const GRACE_MS = 5_000;
// The last frame travels; then the peer closes the connection. A peer that is gone does not.
const LINGER_MS = 1_000;
const CLOSED = 'closed';

/** A session after its handshake. */
export class LiveSession implements Session {
  readonly role: SessionRole;
  readonly peer: PeerIdentity;
  readonly remoteAddress: Address;
  readonly ended: Promise<SessionEnd>;
  readonly #parts: SessionParts;
  readonly #control: ControlLink;
  readonly #vigil: Vigil;
  readonly #host: StreamHost;
  readonly #streams = new Map<number, LiveStream>();
  readonly #seen = new SeenStreams();
  readonly #buffers = new BatchBuffers();
  readonly #opens: OpenQueue;
  readonly #arrivals = new Arrivals<LiveStream>();
  readonly #pings: Pings;
  readonly #creditWaiters = new Set<LiveStream>();
  readonly #sendCredit: SendCredit;
  readonly #receiveCredit: ReceiveCredit;
  readonly #ended: PromiseWithResolvers<SessionEnd> = Promise.withResolvers();
  readonly #goodbye: PromiseWithResolvers<void> = Promise.withResolvers();
  #endError: CodedError | undefined;
  readonly #acknowledgements: Acknowledgements;
  #onDelivered: (() => void) | undefined;
  #eager = false;
  #unnamed = 0;
  #peerStreamsLimit: number;
  #peerStreamsDone = 0;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.role = parts.role;
    this.peer = parts.peer;
    this.remoteAddress = parts.connection.remoteAddress;
    this.ended = this.#ended.promise;
    this.#sendCredit = new SendCredit(parts.peerParameters.sessionCreditBytes);
    this.#receiveCredit = new ReceiveCredit(parts.limits.sessionCreditBytes);
    this.#peerStreamsLimit = parts.limits.streamsMax;
    this.#opens = new OpenQueue(parts.peerParameters.streamsMax, parts.limits.waitingOpensMax);
    this.#pings = new Pings(parts.clock, (token) => this.#control.send({ type: 'ping', token }, 'now'));
    this.#acknowledgements = new Acknowledgements(parts.clock, (stream) => void this.#grant(stream, true, 'soon'));
    this.#host = this.#createHost();
    this.#control = new ControlLink({
      stream: parts.control.stream,
      source: parts.control.source,
      ...this.#keysOf(CONTROL_STREAM_ID),
      clock: parts.clock,
      onFrame: (frame) => this.#onFrame(frame),
      onHeard: () => this.#vigil.heard(),
      onFailure: (error) => this.#onFailure(error),
    });
    this.#vigil = new Vigil({
      clock: parts.clock,
      verifier: parts.verifier,
      peer: parts.peer,
      limits: parts.limits,
      ping: () => this.#control.send({ type: 'ping', token: LIVENESS_TOKEN }, 'now'),
      onEnd: (error) => this.#end(error, 'local'),
    });
  }

  get isClosing(): boolean {
    return this.#opens.isClosed;
  }

  get isUnresponsive(): boolean {
    return this.#vigil.isUnresponsive;
  }

  /** Starts reading; once. */
  start(): void {
    void this.#control.run();
    void this.#welcomeAll();
    this.#vigil.start();
  }

  async openStream(options: { signal?: AbortSignal } = {}): Promise<SessionStream> {
    options.signal?.throwIfAborted();
    this.#throwIfEnded();
    await this.#opens.admit(options.signal);
    let carrier: CarrierStream;
    try {
      carrier = await this.#parts.connection.openStream(options);
    } catch (error) {
      this.#opens.giveBack();
      this.#throwIfEnded();
      throw error;
    }
    const index = this.#opens.used();
    if (this.#endError !== undefined || index > STREAMS_PER_SESSION_MAX) {
      carrier.abort();
      throw this.#endError ?? stoqError('stoq.stream_limit', { streams: index });
    }
    const id = streamIdOf(this.role, index);
    return this.#createStream(id, carrier, new FrameSource(carrier), encodeStreamId(id));
  }

  async acceptStream(): Promise<SessionStream | null> {
    return this.#arrivals.next();
  }

  exportKey(label: string, context: Uint8Array, length: number): Uint8Array {
    return exportKey(this.#parts.secrets.exporter, label, context, length);
  }

  async ping({ signal }: { signal: AbortSignal }): Promise<number> {
    this.#throwIfEnded();
    return this.#pings.ping(signal);
  }

  async close({ graceMs = GRACE_MS }: { graceMs?: number } = {}): Promise<void> {
    if (this.#endError === undefined && this.#onDelivered === undefined) {
      const delivered = Promise.withResolvers<void>();
      this.#onDelivered = delivered.resolve;
      this.#opens.close(stoqError('stoq.session_closed'));
      this.#control.send({ type: 'go-away' }, 'now');
      this.#checkDelivered();
      const cancel = this.#parts.clock.after(graceMs, delivered.resolve);
      await Promise.race([delivered.promise, this.ended]);
      cancel();
      this.#end(null, 'local');
    }
    await this.#goodbye.promise;
  }

  abort(error: Error): void {
    this.#end(error instanceof CodedError && isCode(error.code) ? error : stoqError('stoq.session_closed', {}, { cause: error }), 'local');
  }

  #createHost(): StreamHost {
    const { clock, peerParameters } = this.#parts;
    return {
      sendCredit: this.#sendCredit,
      receiveCredit: this.#receiveCredit,
      recordBytesMax: Math.min(peerParameters.recordBytesMax, this.#parts.limits.recordBytesMax),
      buffers: this.#buffers,
      clock,
      whenCredited: (stream) => void this.#creditWaiters.add(stream),
      send: (frame, urgency) => this.#control.send(frame, this.#eager ? 'now' : urgency),
      credited: (stream) => this.#announceCredit(stream),
      sent: () => this.#vigil.sent(),
      heard: () => this.#vigil.heard(),
      fail: (error) => this.#onFailure(error),
      retire: (stream) => this.#retire(stream),
    };
  }

  #keysOf(streamId: number): { sealer: RecordSealer; opener: RecordOpener } {
    const { secrets, limits, clock, role } = this.#parts;
    const [own, peers] = role === 'client' ? [secrets.client, secrets.server] : [secrets.server, secrets.client];
    return {
      sealer: new RecordSealer(streamTraffic(own, streamId), limits, clock.monotonic(), (length) => this.#buffers.take(length)),
      opener: new RecordOpener(streamTraffic(peers, streamId)),
    };
  }

  #createStream(id: number, carrier: CarrierStream, source: FrameSource, preamble: Uint8Array | null): LiveStream {
    const { limits, peerParameters } = this.#parts;
    const stream = new LiveStream(
      {
        id,
        carrier,
        source,
        ...this.#keysOf(id),
        sendWindowBytes: peerParameters.streamCreditBytes,
        receiveWindowBytes: limits.streamCreditBytes,
        recordBytesMax: limits.recordBytesMax,
        preamble,
      },
      this.#host,
    );
    this.#streams.set(id, stream);
    return stream;
  }

  async #welcomeAll(): Promise<void> {
    for (;;) {
      const carrier = await this.#parts.connection.acceptStream();
      if (carrier === null) break;
      void this.#welcome(carrier).catch((error: unknown) => this.#onFailure(error));
    }
    this.#end(stoqError('stoq.carrier_closed'), 'peer');
  }

  async #welcome(carrier: CarrierStream): Promise<void> {
    if (++this.#unnamed > this.#parts.limits.streamsMax) throw stoqError('stoq.flow_violation', { reason: 'streams without id' });
    const source = new FrameSource(carrier);
    const id = await readPreamble(carrier, source, this.#parts.clock).finally(() => this.#unnamed--);
    // Taken away before its id arrived, a copy of a stream, or reset before it arrived: the carrier holds it until both ways end.
    if (id === null || this.#endError !== undefined || !this.#markSeen(id)) return carrier.abort();
    this.#arrivals.offer(this.#createStream(id, carrier, source, null));
  }

  #markSeen(id: number): boolean {
    if (id === CONTROL_STREAM_ID || openerOf(id) === this.role) throw stoqError('stoq.record_malformed', { stream: id });
    const index = streamIndexOf(id);
    if (index >= this.#peerStreamsLimit) throw stoqError('stoq.flow_violation', { streamIndex: index, limit: this.#peerStreamsLimit });
    return this.#seen.mark(index);
  }

  #onFrame(frame: ControlFrame): void {
    switch (frame.type) {
      case 'ping':
        return this.#control.send({ type: 'pong', token: frame.token }, 'now');
      case 'pong':
        return this.#pings.answered(frame.token);
      case 'stream-credit':
        this.#streamOf(frame.stream)?.onCredit(frame.limit);
        return this.#checkDelivered();
      case 'session-credit':
        this.#sendCredit.raise(frame.limit);
        return this.#wakeWriters();
      case 'streams':
        return this.#opens.raise(frame.limit);
      case 'end-read':
        this.#streamOf(frame.stream)?.onEndRead();
        return this.#checkDelivered();
      case 'reset':
        return this.#onReset(frame.stream, frame.code, frame.sent);
      case 'go-away':
        return this.#onGoAway();
      case 'close':
        return this.#end(frame.code === CLOSED ? null : peerError(frame.code, true), 'peer');
    }
  }

  /** Undefined for a stream that is over; a stream that never was is the peer's error. */
  #streamOf(id: number): LiveStream | undefined {
    const stream = this.#streams.get(id);
    if (stream !== undefined) return stream;
    const index = streamIndexOf(id);
    const known = openerOf(id) === this.role ? index < this.#opens.count : this.#seen.has(index);
    if (id === CONTROL_STREAM_ID || !known) throw stoqError('stoq.record_malformed', { reason: 'no such stream', stream: id });
    return undefined;
  }

  #onReset(id: number, code: number, sent: number): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined) {
      stream.onReset(code, sent);
      this.#checkDelivered();
      return;
    }
    if (openerOf(id) === this.role || id === CONTROL_STREAM_ID) return void this.#streamOf(id);
    // The peer gave up a stream that has not arrived, and perhaps never will.
    if (!this.#markSeen(id)) return;
    if (sent > this.#parts.limits.streamCreditBytes) throw stoqError('stoq.flow_violation', { stream: id, received: sent });
    this.#receiveCredit.take(sent);
    this.#control.send({ type: 'reset', stream: id, code, sent: 0 }, 'now');
    this.#peerStreamDone();
  }

  #onGoAway(): void {
    this.#eager = true;
    this.#opens.close(stoqError('stoq.session_closed', { by: 'peer' }));
    for (const stream of this.#streams.values()) this.#announceCredit(stream);
    this.#control.flush();
  }

  #announceCredit(stream: LiveStream): void {
    const total = this.#receiveCredit.grant(false);
    if (total !== null) this.#control.send({ type: 'session-credit', limit: total }, 'now');
    if (!this.#grant(stream, this.#eager, 'now') && stream.isReceiving) this.#acknowledgements.add(stream);
  }

  #grant(stream: LiveStream, eager: boolean, urgency: 'now' | 'soon'): boolean {
    const limit = stream.isReceiving ? stream.receiveCredit.grant(eager) : null;
    if (limit !== null) this.#control.send({ type: 'stream-credit', stream: stream.id, limit }, urgency);
    return limit !== null;
  }

  #wakeWriters(): void {
    const waiting = [...this.#creditWaiters];
    this.#creditWaiters.clear();
    for (const stream of waiting) stream.wakeWriter();
  }

  #retire(stream: LiveStream): void {
    this.#creditWaiters.delete(stream);
    this.#acknowledgements.delete(stream);
    this.#streams.delete(stream.id);
    if (openerOf(stream.id) !== this.role) this.#peerStreamDone();
    this.#checkDelivered();
  }

  #peerStreamDone(): void {
    this.#peerStreamsDone++;
    const { streamsMax } = this.#parts.limits;
    const limit = this.#peerStreamsDone + streamsMax;
    // Half of the streams are still allowed meanwhile.
    if ((limit - this.#peerStreamsLimit) * 2 < streamsMax) return;
    this.#peerStreamsLimit = limit;
    this.#control.send({ type: 'streams', limit }, 'now');
  }

  #checkDelivered(): void {
    if (this.#onDelivered === undefined) return;
    for (const stream of this.#streams.values()) if (!stream.isDelivered) return;
    this.#onDelivered();
  }

  #throwIfEnded(): void {
    if (this.#endError !== undefined) throw this.#endError;
  }

  #onFailure(error: unknown): void {
    const coded = error instanceof CodedError ? error : stoqError('stoq.session_closed', {}, { cause: error });
    this.#end(coded, coded.code.startsWith('stoq.carrier_') ? 'peer' : 'local');
  }

  /** The one way out. `error` null: closed gracefully. */
  #end(error: CodedError | null, by: SessionEnd['by']): void {
    if (this.#endError !== undefined) {
      // The answer to our own goodbye.
      if (by === 'peer') this.#parts.connection.close();
      return;
    }
    const reason = error ?? stoqError('stoq.session_closed', { by });
    this.#endError = reason;
    this.#vigil.stop();
    this.#opens.close(reason);
    for (const stream of this.#streams.values()) stream.fail(reason);
    this.#streams.clear();
    this.#pings.fail(reason);
    this.#arrivals.end();
    this.#creditWaiters.clear();
    this.#acknowledgements.stop();
    const code = error?.code ?? CLOSED;
    this.#ended.resolve({ code, by });
    if (by === 'local') this.#control.close({ type: 'close', code });
    else this.#control.stop();
    this.#leave(by === 'local' ? LINGER_MS : 0);
  }

  /** Closes the connection once the peer has, or after `lingerMs`. */
  #leave(lingerMs: number): void {
    const { connection, clock } = this.#parts;
    const close = (): void => {
      connection.close();
      this.#goodbye.resolve();
    };
    if (lingerMs === 0) return close();
    const cancel = clock.after(lingerMs, close);
    void connection.closed.then(() => {
      cancel();
      this.#goodbye.resolve();
    });
  }
}
