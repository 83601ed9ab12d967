import { randomBytes, randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  connectSession,
  createCrypto,
  createHost,
  createQuicCarrier,
  createRpcClient,
  type Crypto,
  encodeValue,
  type Host,
  type QuicCarrier,
  type Session,
  singleSession,
  systemClock,
  systemEntropy,
} from '@hypermesh/stoq';
import { SampleLog, sampleContract, sampleHandlers } from '../rpc/sample-service.ts';
import { createPeer, type Peer, PeerBook } from './peers.ts';

const FUZZ_MS = 3_000;
const ATTACKERS = 4;
// An attack from many streams may slow its own session down, on a busy machine for seconds.
const PATIENCE_MS = 10_000;

let crypto: Crypto;
let host: Host;
let carrier: QuicCarrier;
let session: Session;

beforeAll(async () => {
  crypto = await createCrypto({ signingThreads: 1 });
  const [server, client] = [await createPeer(crypto), await createPeer(crypto)] as [Peer, Peer];
  const common = { crypto, clock: systemClock, entropy: systemEntropy, verifier: new PeerBook().list(server).list(client) };
  host = createHost(
    { ...common, carriers: [createQuicCarrier()] },
    { listen: ['127.0.0.1:0'], identities: () => [server.identity('bundle')] },
  );
  host.serve(sampleContract, sampleHandlers(new SampleLog()));
  await host.start();
  carrier = createQuicCarrier();
  const { signal } = new AbortController();
  const connection = await carrier.dial(host.addresses()[0] as string, { signal });
  session = await connectSession({ ...common, connection, identity: client.identity('bundle'), expect: 'bundle', signal });
}, 30_000);

afterAll(async () => {
  await session.close({ graceMs: 0 });
  await host.stop({ graceMs: 0 });
  await carrier.close();
  await crypto.close();
});

function frame(type: number, payload: Uint8Array): Uint8Array {
  const head = Buffer.alloc(5);
  head[0] = type;
  head.writeUInt32BE(payload.length, 1);
  return Buffer.concat([head, payload]);
}

function call(method: string, value: unknown): Buffer {
  const name = Buffer.from(`sample/1.${method}`);
  const header = Buffer.concat([Buffer.from([0x82, 0x60 | name.length]), name, Buffer.from([0x19, 0x03, 0xe8])]);
  return Buffer.concat([frame(1, header), frame(2, encodeValue(value, 1_024))]);
}

const CALLS: readonly Buffer[] = [
  call('echo', { a: [1, 2n, 'x', null], b: new Uint8Array(20) }),
  call('add', { a: 1, b: 2 }),
  call('count', { from: 0, to: 9 }),
  call('fail', 'exception'),
  call('drip', 'x'),
];

/** A call with a few bytes changed, cut or added, or random bytes alone. */
function hostile(): Buffer {
  if (randomInt(4) === 0) return randomBytes(randomInt(400));
  const bytes = Buffer.from(CALLS[randomInt(CALLS.length)] as Buffer);
  for (let changes = randomInt(4); changes > 0; changes--) bytes[randomInt(bytes.length)] = randomInt(256);
  const shape = randomInt(4);
  if (shape === 0) return bytes.subarray(0, randomInt(bytes.length));
  return shape === 1 ? Buffer.concat([bytes, randomBytes(randomInt(100))]) : bytes;
}

async function strike(): Promise<void> {
  const stream = await session.openStream();
  try {
    const bytes = hostile();
    if (bytes.length > 0) await stream.write(bytes);
    if (randomInt(2) === 0) await stream.finish();
    // Some listen for an answer, some leave at once.
    if (randomInt(2) === 0) await Promise.race([stream.read(), pause()]);
  } catch (error) {
    expect(error).toMatchObject({ code: 'stoq.stream_reset' });
  } finally {
    stream.reset(randomInt(0x1_0000));
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

it('a host keeps answering a peer that sends anything', async () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', onUnhandled);
  const { echo } = createRpcClient(sampleContract, singleSession(session), { clock: systemClock });
  const untilMs = performance.now() + FUZZ_MS;
  let strikes = 0;
  const attackers = Array.from({ length: ATTACKERS }, async () => {
    for (; performance.now() < untilMs; strikes++) await strike();
  });
  while (performance.now() < untilMs) expect(await echo('alive', { deadlineMs: PATIENCE_MS })).toBe('alive');
  await Promise.all(attackers);
  expect(await echo('alive', { deadlineMs: PATIENCE_MS })).toBe('alive');
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled).toEqual([]);
  expect(strikes).toBeGreaterThan(100);
}, 30_000);
