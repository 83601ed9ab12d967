import type { CarrierConnection, CarrierStream } from '../../src/index.ts';
import { systemEntropy } from '../../src/index.ts';
import { type ControlFrame, encodeControl } from '../../src/session/control.ts';
import { HandshakeChannel } from '../../src/session/handshake-channel.ts';
import { startClient } from '../../src/session/key-exchange.ts';
import { type SessionSecrets, sessionSecrets, streamTraffic } from '../../src/session/key-schedule.ts';
import { sessionLimits } from '../../src/session/limits.ts';
import { checkProof, makeProof } from '../../src/session/proof.ts';
import { RECORD, RecordOpener, RecordSealer } from '../../src/session/record.ts';
import { createTestVerifier, type World } from './fixtures.ts';

const NEVER = { rekeyBytes: Infinity, rekeyRecords: Infinity, rekeyIntervalMs: Infinity };

/** A client that has shaken hands and holds the keys, but not itself to the protocol. */
export interface RawPeer {
  readonly channel: HandshakeChannel;
  readonly secrets: SessionSecrets;
  sealer(streamId: number): RecordSealer;
  opener(streamId: number): RecordOpener;
  sendControl(...frames: readonly ControlFrame[]): Promise<void>;
  sendControlRecord(type: number, payload: Uint8Array): Promise<void>;
  /** Opens a carrier stream that starts with the id and these records. */
  openStream(id: number, ...records: readonly (readonly [type: number, payload: Uint8Array])[]): Promise<CarrierStream>;
}

export async function shakeHandsByHand(world: World, connection: CarrierConnection): Promise<RawPeer> {
  const channel = new HandshakeChannel(await connection.openStream());
  const limits = sessionLimits();
  const start = startClient({ binding: connection.binding, limits, entropy: systemEntropy, expect: 'set-entry' });
  await channel.send('clientHello', start.hello);
  const exchange = start.complete(await channel.receive('serverHello'));
  channel.protect('client', exchange.secrets);
  const check = { crypto: world.crypto, verifier: createTestVerifier() };
  await checkProof('server', await channel.receive('serverProof'), exchange.transcript, exchange.secrets, check);
  await channel.send('clientProof', await makeProof('client', world.client, exchange.transcript, exchange.secrets));
  await channel.receive('accept');
  const secrets = sessionSecrets(exchange.secrets.master, exchange.transcript.digest());
  const sealer = (id: number): RecordSealer => new RecordSealer(streamTraffic(secrets.client, id), NEVER, 0);
  const control = sealer(0);
  const sendControlRecord = (type: number, payload: Uint8Array): Promise<void> =>
    channel.stream.write(control.seal(type, payload, 65_536, 0));
  return {
    channel,
    secrets,
    sealer,
    opener: (id) => new RecordOpener(streamTraffic(secrets.server, id)),
    sendControlRecord,
    sendControl: (...frames) => sendControlRecord(RECORD.control, Buffer.concat(frames.map(encodeControl))),
    async openStream(id, ...records) {
      const stream = await connection.openStream();
      const head = new Uint8Array(4);
      new DataView(head.buffer).setUint32(0, id);
      const own = sealer(id);
      await stream.write(Buffer.concat([head, ...records.map(([type, payload]) => own.seal(type, payload, 1 << 24, 0))]));
      return stream;
    },
  };
}
