import { createSocket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { type CarrierConnection, createQuicCarrier, type QuicCarrier, type QuicCarrierConfig } from '@hypermesh/stoq';
import { createProcessHold } from '../../../src/carrier/quic/process-hold.ts';
import { openPair, readBytes, text } from '../compliance.ts';

const never: AbortSignal = new AbortController().signal;
const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

describe('the QUIC carrier', () => {
  const open: QuicCarrier[] = [];
  const carrier = (config: QuicCarrierConfig = {}): QuicCarrier => {
    const made = createQuicCarrier(config);
    open.push(made);
    return made;
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map((made) => made.close()));
  });

  it('closes connections above its limit at once and takes new ones when others end', async () => {
    const events = new EventEmitter();
    const { address } = await carrier({ connectionsMax: 1 }).listen('127.0.0.1:0', (connection) => events.emit('accepted', connection));
    const dialer = carrier();
    const accepting = once(events, 'accepted') as Promise<[CarrierConnection]>;
    const first = await dialer.dial(address, { signal: never });
    const [other] = await accepting;
    const next = once(events, 'accepted') as Promise<[CarrierConnection]>;
    const second = await dialer.dial(address, { signal: never });
    await second.closed;
    first.close();
    await other.closed;
    const third = await dialer.dial(address, { signal: never });
    const [, theirs] = await openPair(third, (await next)[0], text('third'));
    expect(await readBytes(theirs, 5)).toEqual(text('third'));
  });

  it('goes on listening after datagrams that are no QUIC', async () => {
    const accepted = Promise.withResolvers<CarrierConnection>();
    const { address } = await carrier().listen('127.0.0.1:0', accepted.resolve);
    const socket = createSocket('udp4');
    const port = Number(address.split(':')[1]);
    for (let count = 0; count < 100; count++) socket.send(Buffer.alloc(1200, count), port, '127.0.0.1');
    const connection = await carrier().dial(address, { signal: never });
    const [, theirs] = await openPair(connection, await accepted.promise, text('hello'));
    expect(await readBytes(theirs, 5)).toEqual(text('hello'));
    socket.close();
    await once(socket, 'close');
  });

  it('notices a peer that vanished after the idle time', async () => {
    const accepted = Promise.withResolvers<CarrierConnection>();
    const listening = carrier({ idleTimeoutMs: 300, keepAliveMs: 100 });
    const { address } = await listening.listen('127.0.0.1:0', accepted.resolve);
    const port = Number(address.split(':')[1]);
    // A peer behind a relay of datagrams that stops: neither side is told.
    const relay = await startRelay(port);
    const connection = await carrier({ idleTimeoutMs: 300, keepAliveMs: 100 }).dial(relay.address, { signal: never });
    const other = await accepted.promise;
    relay.stop();
    await Promise.all([connection.closed, other.closed]);
    await expect(connection.openStream()).rejects.toMatchObject({ code: 'stoq.carrier_closed' });
  });

  it('refuses a stream window above that of the connection', () => {
    expect(() => createQuicCarrier({ streamWindowBytes: 2, connectionWindowBytes: 1 })).toThrow('a stream window above');
  });

  it('keeps the process running while it holds anything', () => {
    const before = timers();
    const hold = createProcessHold();
    const [one, other] = [hold.take(), hold.take()];
    expect(timers()).toBe(before + 1);
    one();
    one();
    expect(timers()).toBe(before + 1);
    other();
    expect(timers()).toBe(before);
  });
});

async function startRelay(port: number): Promise<{ readonly address: string; stop(): void }> {
  const [front, back] = [createSocket('udp4').bind(0, '127.0.0.1'), createSocket('udp4').bind(0, '127.0.0.1')];
  await Promise.all([once(front, 'listening'), once(back, 'listening')]);
  let running = true;
  let client = 0;
  front.on('message', (bytes, from) => {
    client = from.port;
    if (running) back.send(bytes, port, '127.0.0.1');
  });
  back.on('message', (bytes) => {
    if (running) front.send(bytes, client, '127.0.0.1');
  });
  front.unref();
  back.unref();
  return {
    address: `127.0.0.1:${front.address().port}`,
    stop() {
      running = false;
    },
  };
}
