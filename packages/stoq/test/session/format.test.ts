import { createDecipheriv, createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CarrierStream, createCrypto, type Crypto, systemEntropy } from '../../src/index.ts';
import { HandshakeChannel } from '../../src/session/handshake-channel.ts';
import { startClient } from '../../src/session/key-exchange.ts';
import { exportKey, sessionSecrets, streamTraffic } from '../../src/session/key-schedule.ts';
import { DEFAULT_SESSION_LIMITS, sessionLimits } from '../../src/session/limits.ts';
import { clientHelloCodec, decodeMessage, serverHelloCodec } from '../../src/session/messages.ts';
import { checkProof } from '../../src/session/proof.ts';
import { RECORD, RecordOpener } from '../../src/session/record.ts';
import { FrameSource } from '../../src/session/frame.ts';
import { countingEntropy } from './counting-entropy.ts';
import { createTestVerifier } from './fixtures.ts';

interface Vector {
  readonly dialer: string;
  readonly listener: string;
  readonly clientHello: string;
  readonly serverHello: string;
  readonly serverProof: string;
  readonly clientProof: string;
  readonly transcript: string;
  readonly exported: string;
  readonly records: string;
}

const vector = JSON.parse(readFileSync(new URL('vectors/handshake-1.json', import.meta.url), 'utf8')) as Vector;
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const binding = { kind: 'keys', dialer: bytesOf(vector.dialer), listener: bytesOf(vector.listener) } as const;

let crypto: Crypto;

beforeAll(async () => {
  crypto = await createCrypto({ signingThreads: 1 });
});

afterAll(() => crypto.close());

/** A stream on which these bytes arrive. */
const streamOf = (...chunks: readonly Uint8Array[]): CarrierStream => {
  const left = [...chunks];
  return { read: async () => left.shift() ?? null, write: async () => {}, finish: async () => {}, abort: () => {} };
};

test('the recorded handshake is understood to the last byte', async () => {
  const start = startClient({ binding, limits: sessionLimits(), entropy: countingEntropy(), expect: 'set-entry' });
  expect(hexOf(start.hello)).toBe(vector.clientHello);
  const { secrets, transcript, peer } = start.complete(bytesOf(vector.serverHello));
  const { recordBytesMax, streamCreditBytes, sessionCreditBytes, streamsMax } = DEFAULT_SESSION_LIMITS;
  expect(peer).toEqual({ recordBytesMax, streamCreditBytes, sessionCreditBytes, streamsMax, serverIdentity: null });

  const verifier = createTestVerifier();
  const client = new HandshakeChannel(streamOf(bytesOf(vector.serverProof)));
  client.protect('client', secrets);
  await checkProof('server', await client.receive('serverProof'), transcript, secrets, { crypto, verifier });
  const server = new HandshakeChannel(streamOf(bytesOf(vector.clientProof)));
  server.protect('server', secrets);
  await checkProof('client', await server.receive('clientProof'), transcript, secrets, { crypto, verifier });
  expect(verifier.claims.map(({ kind, role }) => `${role} ${kind}`)).toEqual(['server set-entry', 'client bundle']);
  expect(hexOf(transcript.digest())).toBe(vector.transcript);

  const session = sessionSecrets(secrets.master, transcript.digest());
  expect(hexOf(exportKey(session.exporter, 'stoq/token/1', Uint8Array.of(1, 2, 3), 32))).toBe(vector.exported);
  const source = new FrameSource(streamOf(bytesOf(vector.records)));
  await source.fill();
  const opener = new RecordOpener(streamTraffic(session.client, 2));
  const opened: string[] = [];
  for (let frame = source.take(() => {}); frame !== null; frame = source.take(() => {})) {
    opened.push(`${frame.type} ${Buffer.from(opener.open(frame)).toString()}`);
    if (frame.type === RECORD.rekey) opener.rekey();
  }
  // Sealed with a volume of two bytes a key: the keys change in front of every record but the first.
  expect(opened).toEqual(['16 hello', '18 ', '16 again', '18 ', '17 ']);
});

test('another carrier binding changes every secret', () => {
  const start = (dialer: Uint8Array): string => {
    const input = { binding: { ...binding, dialer }, limits: sessionLimits(), entropy: countingEntropy() };
    return hexOf(startClient({ ...input, expect: 'set-entry' }).complete(bytesOf(vector.serverHello)).secrets.client);
  };
  expect(start(new Uint8Array(32))).not.toBe(start(binding.dialer));
});

test('the hellos hold what the format says, and never a FALCON key', () => {
  const hello = decodeMessage(clientHelloCodec, bytesOf(vector.clientHello));
  expect(hello.versions).toEqual([1]);
  expect(hello.suites).toEqual([1]);
  expect(hello.parameters.map(({ id, critical, value }) => [id.toString(16), critical, hexOf(value)])).toEqual([
    ['fe00', true, '01'],
    ['fe01', true, '01'],
    ['fe03', true, '00010000'],
    ['fe04', true, '03'],
    ['fe05', true, hexOf(Buffer.from('set-entry'))],
    ['fe06', true, '00400000'],
    ['fe07', true, '01000000'],
    ['fe08', true, '00000400'],
  ]);
  const answer = decodeMessage(serverHelloCodec, bytesOf(vector.serverHello));
  expect(answer.parameters.map(({ id }) => id.toString(16))).toEqual(['fe00', 'fe01', 'fe03', 'fe04', 'fe06', 'fe07', 'fe08']);
});

/** The key schedule and the record format once more, from RFC 5869 and the page of the format alone. */
describe('an independent reading of the format', () => {
  const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer => {
    const mac = createHmac('sha512', key);
    for (const part of parts) mac.update(part);
    return mac.digest();
  };
  const hkdf = (secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Buffer => {
    const prk = hmac(salt.length === 0 ? new Uint8Array(64) : salt, secret);
    let block: Uint8Array = new Uint8Array();
    let out: Buffer = Buffer.alloc(0);
    for (let index = 1; out.length < length; index++) {
      block = hmac(prk, block, info, Uint8Array.of(index));
      out = Buffer.concat([out, block]);
    }
    return out.subarray(0, length);
  };
  const label = (text: string, context: Uint8Array = new Uint8Array()): Uint8Array => Buffer.concat([Buffer.from(`${text}\0`), context]);

  test('opens the first record and finds the exported key', () => {
    const start = startClient({ binding, limits: sessionLimits(), entropy: countingEntropy(), expect: 'set-entry' });
    const { secrets } = start.complete(bytesOf(vector.serverHello));
    const transcript = bytesOf(vector.transcript);
    const root = hkdf(secrets.master, transcript, label('stoq/session-client/1'), 64);
    const traffic = hkdf(root, new Uint8Array(), label('stoq/stream-traffic/1', Uint8Array.of(0, 0, 0, 2)), 108);
    const record = Buffer.from(vector.records, 'hex');
    const length = record.readUIntBE(1, 3);
    const decipher = createDecipheriv('aes-256-gcm', traffic.subarray(0, 32), traffic.subarray(32, 44), { authTagLength: 16 });
    decipher.setAAD(record.subarray(0, 4));
    decipher.setAuthTag(record.subarray(4 + length - 16, 4 + length));
    expect(Buffer.concat([decipher.update(record.subarray(4, 4 + length - 16)), decipher.final()]).toString()).toBe('hello');

    const exporter = hkdf(secrets.master, transcript, label('stoq/session-exporter/1'), 64);
    const context = createHash('sha512')
      .update(Uint8Array.of(1, 2, 3))
      .digest();
    expect(hkdf(exporter, context, label('stoq/exporter/1', Buffer.from('stoq/token/1')), 32).toString('hex')).toBe(vector.exported);
  });

  test('hashes the hellos as the handshake secrets do', () => {
    const frame = (type: number, body: Uint8Array): Uint8Array => {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(type * 2 ** 24 + body.length);
      return Buffer.concat([head, body]);
    };
    const bound = Buffer.concat([
      Buffer.from('83646b657973', 'hex'),
      Buffer.from('5820', 'hex'),
      binding.dialer,
      Buffer.from('5820', 'hex'),
      binding.listener,
    ]);
    const hash = createHash('sha512')
      .update('stoq/transcript/1\0')
      .update(frame(0x80, bound))
      .update(frame(1, bytesOf(vector.clientHello)))
      .update(frame(2, bytesOf(vector.serverHello)))
      .digest();
    const start = startClient({ binding, limits: sessionLimits(), entropy: countingEntropy(), expect: 'set-entry' });
    expect(hexOf(start.complete(bytesOf(vector.serverHello)).transcript.digest())).toBe(hash.toString('hex'));
  });
});

test('a client that has no fixed entropy never says the same twice', () => {
  const hello = (): string => hexOf(startClient({ binding, limits: sessionLimits(), entropy: systemEntropy, expect: 'bundle' }).hello);
  expect(hello()).not.toBe(hello());
});
