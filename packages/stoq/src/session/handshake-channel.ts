import type { CarrierStream } from '../carrier/carrier.ts';
import { stoqError } from '../errors.ts';
import { isCode, isPlainCode, peerError } from './alert.ts';
import { type Frame, FrameSource, writeFrameHead, FRAME_HEAD_BYTES } from './frame.ts';
import { handshakeTraffic, type HandshakeSecrets } from './key-schedule.ts';
import {
  alertCodec,
  type AlertMessage,
  decodeMessage,
  encodeMessage,
  MESSAGE,
  MESSAGE_BYTES_MAX,
  type TravellingMessage,
} from './messages.ts';
import { RECORD_OVERHEAD_BYTES, RecordOpener, RecordSealer } from './record.ts';

// A handshake seals three messages with one key.
const NEVER_REKEY = { rekeyBytes: Infinity, rekeyRecords: Infinity, rekeyIntervalMs: Infinity };

/** Handshake messages over the control stream: plain until `protect`, sealed afterwards. */
export class HandshakeChannel {
  readonly stream: CarrierStream;
  /** What was read beyond the handshake stays in it, for the session. */
  readonly source: FrameSource;
  #sealer: RecordSealer | undefined;
  #opener: RecordOpener | undefined;
  #sending = false;

  constructor(stream: CarrierStream) {
    this.stream = stream;
    this.source = new FrameSource(stream);
  }

  get isProtected(): boolean {
    return this.#sealer !== undefined;
  }

  protect(role: 'client' | 'server', secrets: HandshakeSecrets): void {
    const [own, peers] = role === 'client' ? [secrets.client, secrets.server] : [secrets.server, secrets.client];
    this.#sealer = new RecordSealer(handshakeTraffic(own), NEVER_REKEY, 0);
    this.#opener = new RecordOpener(handshakeTraffic(peers));
  }

  async send(message: TravellingMessage, body: Uint8Array): Promise<void> {
    this.#sending = true;
    await this.stream.write(this.#frame(message, body));
    this.#sending = false;
  }

  /**
   * The body of the next message, which must be `expected`. Throws the peer's own code for an alert,
   * `stoq.handshake_malformed` and `stoq.handshake_forged`.
   */
  async receive(expected: TravellingMessage): Promise<Uint8Array> {
    const frame = await this.#nextFrame(expected);
    const body = this.#open(frame);
    if (frame.type !== MESSAGE.alert) return body;
    const alert = decodeMessage(alertCodec, body);
    if (!isCode(alert.code)) throw stoqError('stoq.handshake_malformed', { message: 'alert' });
    if (!this.isProtected && !isPlainCode(alert.code)) throw stoqError('stoq.handshake_forged', { message: 'alert' });
    throw peerError(alert.code, alert.retryable);
  }

  /** Tells the peer why, as far as the stream still takes it; never throws. */
  async sendAlert(alert: AlertMessage): Promise<void> {
    if (this.#sending) return;
    try {
      await this.send('alert', encodeMessage(alertCodec, alert));
      await this.stream.finish();
    } catch {
      // The peer is gone: there is nobody to tell.
    }
  }

  async #nextFrame(expected: TravellingMessage): Promise<Frame> {
    const admit = (type: number, length: number): void => {
      if (type !== MESSAGE[expected] && type !== MESSAGE.alert) {
        throw stoqError('stoq.handshake_malformed', { expected, type });
      }
      const bytesMax = MESSAGE_BYTES_MAX[type === MESSAGE.alert ? 'alert' : expected];
      if (length > bytesMax) throw stoqError('stoq.handshake_malformed', { expected, bytes: length, bytesMax });
    };
    for (;;) {
      const frame = this.source.take(admit);
      if (frame !== null) return frame;
      if (!(await this.source.fill())) throw stoqError('stoq.handshake_malformed', { expected, reason: 'end of stream' });
    }
  }

  #frame(message: TravellingMessage, body: Uint8Array): Uint8Array {
    const type = MESSAGE[message];
    if (this.#sealer !== undefined) {
      const sealed = new Uint8Array(body.length + RECORD_OVERHEAD_BYTES);
      this.#sealer.sealInto(sealed, 0, type, body);
      return sealed;
    }
    const plain = new Uint8Array(FRAME_HEAD_BYTES + body.length);
    writeFrameHead(plain, 0, type, body.length);
    plain.set(body, FRAME_HEAD_BYTES);
    return plain;
  }

  #open(frame: Frame): Uint8Array {
    if (this.#opener === undefined) return frame.body;
    try {
      return this.#opener.open(frame);
    } catch (cause) {
      throw stoqError('stoq.handshake_forged', { reason: 'unauthentic message' }, { cause });
    }
  }
}
