import { describe, expect, it } from 'vitest';
import { type CarrierConnection, type CarrierStream, createMemoryCarrier, createMemoryNetwork, type Delivery } from '@hypermesh/stoq';
import { connect, failureOf, openPair, readBytes, text } from '../compliance.ts';

const never: AbortSignal = new AbortController().signal;

interface StepTimer {
  after(delayMs: number, callback: () => void): () => void;
  /** Moves time on and calls back what is due, in order. */
  advance(byMs: number): void;
}

function stepTimer(): StepTimer {
  const waiting = new Set<{ readonly at: number; readonly callback: () => void }>();
  let now = 0;
  return {
    after(delayMs, callback) {
      const entry = { at: now + delayMs, callback };
      waiting.add(entry);
      return () => waiting.delete(entry);
    },
    advance(byMs) {
      now += byMs;
      for (const entry of [...waiting].filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at)) {
        waiting.delete(entry);
        entry.callback();
      }
    },
  };
}

/** Whether a promise has settled once everything that can happen without time passing has happened. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  const turn = new Promise((resolve) => setImmediate(() => resolve(pending)));
  return (await Promise.race([promise.catch(() => {}), turn])) !== pending;
}

describe('the memory network', () => {
  it('delays each delivery as its script says', async () => {
    const timer = stepTimer();
    const seen: Delivery[] = [];
    const network = createMemoryNetwork({
      timer,
      delayMs(delivery) {
        seen.push(delivery);
        return delivery.stream < 0 ? 0 : 10;
      },
    });
    const { dialer, listener } = await connect(createMemoryCarrier(network, { host: 'a' }), createMemoryCarrier(network), 'b:1');
    const stream = await dialer.openStream();
    const accepting = listener.acceptStream();
    await stream.write(text('hello'));
    timer.advance(9);
    expect(await isSettled(accepting)).toBe(false);
    timer.advance(1);
    expect(await readBytes((await accepting) as CarrierStream, 5)).toEqual(text('hello'));
    expect(seen.at(-1)).toEqual({ from: 'a', to: 'b', stream: 0, bytes: 5 });
  });

  it('lets streams overtake each other and keeps the order within each', async () => {
    const timer = stepTimer();
    const delays = [30, 10, 5];
    const network = createMemoryNetwork({ timer, delayMs: ({ stream }) => (stream < 0 ? 0 : (delays.shift() as number)) });
    const { dialer, listener } = await connect(createMemoryCarrier(network), createMemoryCarrier(network), 'b:1');
    const [slow, quick] = [await dialer.openStream(), await dialer.openStream()];
    await slow.write(text('1'));
    await slow.write(text('2'));
    await quick.write(text('q'));
    timer.advance(5);
    expect(await readBytes((await listener.acceptStream()) as CarrierStream, 1)).toEqual(text('q'));
    timer.advance(25);
    expect(await readBytes((await listener.acceptStream()) as CarrierStream, 2)).toEqual(text('12'));
  });

  it('cuts all connections between two hosts, and no other', async () => {
    const network = createMemoryNetwork();
    const server = createMemoryCarrier(network);
    const a = await connect(createMemoryCarrier(network, { host: 'a' }), server, 's:1');
    const b = await connect(createMemoryCarrier(network, { host: 'b' }), server, 's:2');
    expect(network.cut('s', 'a')).toBe(1);
    await Promise.all([a.dialer.closed, a.listener.closed]);
    expect(await isSettled(b.dialer.closed)).toBe(false);
    expect(network.cut('s', 'a')).toBe(0);
  });

  it('holds what is sent and delivers it in order when released', async () => {
    const network = createMemoryNetwork();
    const { dialer, listener } = await connect(createMemoryCarrier(network, { host: 'a' }), createMemoryCarrier(network), 'b:1');
    const [ours, theirs] = await openPair(dialer, listener, text('0'));
    await readBytes(theirs, 1);
    network.hold('b', 'a');
    await ours.write(text('1'));
    await ours.write(text('2'));
    await ours.finish();
    const reading = readBytes(theirs, 2);
    expect(await isSettled(reading)).toBe(false);
    network.release('a', 'b');
    expect(await reading).toEqual(text('12'));
    expect(await theirs.read(1)).toBeNull();
    network.release('a', 'b');
  });

  it('holds new connections too, until the dialer gives up', async () => {
    const timer = stepTimer();
    const network = createMemoryNetwork({ timer });
    const accepted: CarrierConnection[] = [];
    await createMemoryCarrier(network).listen('b:1', (connection) => accepted.push(connection));
    const dialer = createMemoryCarrier(network, { host: 'a', connectTimeoutMs: 100 });
    network.hold('a', 'b');
    const failure = failureOf(dialer.dial('b:1', { signal: never }));
    timer.advance(100);
    expect(await failure).toMatchObject({ code: 'stoq.carrier_timeout' });
    network.release('a', 'b');
    // It comes too late, and is closed as soon as it has come.
    await accepted[0]?.closed;
    expect(accepted).toHaveLength(1);
  });

  it('gives each carrier a host and each dial a port of its own', async () => {
    const network = createMemoryNetwork();
    const [one, other] = [createMemoryCarrier(network), createMemoryCarrier(network)];
    expect(one.host).not.toBe(other.host);
    const a = await connect(one, other, 'b:0');
    const b = await connect(one, other, 'b:0');
    expect(a.at.address).not.toBe(b.at.address);
    expect(a.listener.remoteAddress).not.toBe(b.listener.remoteAddress);
  });

  it('proves no keys where one side has none', async () => {
    const network = createMemoryNetwork();
    const { dialer, listener } = await connect(createMemoryCarrier(network, { key: null }), createMemoryCarrier(network), 'b:1');
    expect([dialer.binding, listener.binding]).toEqual([{ kind: 'none' }, { kind: 'none' }]);
  });

  it('bounds what is unread by its window', async () => {
    const network = createMemoryNetwork({ streamWindowBytes: 4 });
    const { dialer, listener } = await connect(createMemoryCarrier(network), createMemoryCarrier(network), 'b:1');
    const [ours, theirs] = await openPair(dialer, listener, text('1234'));
    const writing = ours.write(text('56'));
    expect(await isSettled(writing)).toBe(false);
    await theirs.read(1);
    expect(await isSettled(writing)).toBe(false);
    await theirs.read(1);
    await writing;
  });
});
