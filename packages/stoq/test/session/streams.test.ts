import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CodedError, type SessionStream } from '../../src/index.ts';
import { connectMemory, connectQuic, createPair, createWorld, type Pair, type PairOptions, readAll, type World } from './fixtures.ts';

let world: World;
const open: Pair[] = [];

beforeAll(async () => {
  world = await createWorld();
});

afterAll(async () => {
  for (const { client, connections } of open) {
    client.abort(new Error('the test is over'));
    await connections.close();
  }
  await world.crypto.close();
});

const pairOf = async (options: PairOptions = {}): Promise<Pair> => {
  const pair = await createPair(world, options);
  open.push(pair);
  return pair;
};

const errorOf = async (promise: Promise<unknown>): Promise<CodedError> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof CodedError) return error;
  throw new Error(`not a coded error: ${String(error)}`);
};

const accepted = async ({ server }: Pair): Promise<SessionStream> => {
  const stream = await server.acceptStream();
  if (stream === null) throw new Error('the session ended');
  return stream;
};

/** Calls again until it fails. */
const failureOf = async (call: () => Promise<unknown>): Promise<CodedError> => {
  for (;;) {
    const error = await call().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof CodedError) return error;
    await turn();
  }
};

// Streams of one direction that the carrier's other end keeps open at once.
const CARRIER_STREAMS_MAX = 4_096;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe.each([
  ['memory', connectMemory],
  ['quic', connectQuic],
])('resets over %s', (_, connect) => {
  test('a code reaches the reads and writes of the peer, and its own side fails with it', async () => {
    const pair = await pairOf({ connections: await connect() });
    const stream = await pair.client.openStream();
    await stream.write(Uint8Array.of(1));
    const other = await accepted(pair);
    await other.read();
    const reading = errorOf(other.read());
    stream.reset(4_711);
    stream.reset(1);
    for (const error of [await reading, await errorOf(other.write(Uint8Array.of(1))), await errorOf(other.finish())]) {
      expect(error.code).toBe('stoq.stream_reset');
      expect(error.data).toMatchObject({ code: 4_711, by: 'peer' });
    }
    expect((await errorOf(stream.read())).data).toMatchObject({ code: 4_711, by: 'local' });
    expect(await pair.client.ping({ signal: AbortSignal.timeout(5_000) })).toBeGreaterThanOrEqual(0);
  });

  test('the accepting side may reset, and a blocked writer learns of it', async () => {
    const pair = await pairOf({ connections: await connect(), server: { limits: { streamCreditBytes: 64 * 1024 } } });
    const stream = await pair.client.openStream();
    const writing = errorOf(stream.write(new Uint8Array(1024 * 1024)));
    (await accepted(pair)).reset(7);
    expect((await writing).data).toMatchObject({ code: 7, by: 'peer' });
  });

  test('a stream that is reset before anything was sent does not disturb', async () => {
    const pair = await pairOf({ connections: await connect() });
    const stream = await pair.client.openStream();
    stream.reset(0);
    const next = await pair.client.openStream();
    await next.write(Uint8Array.of(9));
    await next.finish();
    expect(await readAll(await accepted(pair))).toEqual(Uint8Array.of(9));
  });

  test('streams that are reset before their id arrives give back what they hold of the carrier', { timeout: 30_000 }, async () => {
    const pair = await pairOf({ connections: await connect() });
    for (let round = 0; round < CARRIER_STREAMS_MAX + 2; round++) (await pair.client.openStream()).reset(0);
    const next = await pair.client.openStream({ signal: AbortSignal.timeout(10_000) });
    await next.write(Uint8Array.of(9));
    await next.finish();
    expect(await readAll(await accepted(pair))).toEqual(Uint8Array.of(9));
  });

  test('many resets in the middle of a transfer cost no session credit', async () => {
    const credit = { streamCreditBytes: 64 * 1024, sessionCreditBytes: 128 * 1024 };
    const pair = await pairOf({ connections: await connect(), server: { limits: credit } });
    for (let round = 0; round < 12; round++) {
      const stream = await pair.client.openStream();
      const writing = stream
        .write(new Uint8Array(60_000))
        .then(() => stream.write(new Uint8Array(60_000)))
        .catch(() => undefined);
      const other = await accepted(pair);
      if (round % 3 === 0) await other.read();
      (round % 2 === 0 ? other : stream).reset(1);
      await writing;
      expect((await failureOf(() => other.read())).code).toBe('stoq.stream_reset');
    }
    const last = await pair.client.openStream();
    const reading = accepted(pair).then(readAll);
    await last.write(new Uint8Array(500_000));
    await last.finish();
    expect(await reading).toHaveLength(500_000);
  }, 20_000);
});

describe('streams', () => {
  test('300 at once, each with its own bytes, over quic', async () => {
    const pair = await pairOf({ connections: await connectQuic() });
    const echo = async (): Promise<void> => {
      for (let stream = await pair.server.acceptStream(); stream !== null; stream = await pair.server.acceptStream()) {
        const current = stream;
        void readAll(current).then(async (bytes) => {
          await current.write(bytes);
          await current.finish();
        });
      }
    };
    void echo();
    const asked = Array.from({ length: 300 }, async (_value, index) => {
      const bytes = new Uint8Array(1000 + index * 100).fill(index);
      const stream = await pair.client.openStream();
      await stream.write(bytes);
      await stream.finish();
      return Buffer.compare(await readAll(stream), bytes);
    });
    expect(await Promise.all(asked)).toEqual(Array<number>(300).fill(0));
  }, 20_000);

  test('streams that overtake each other keep their bytes', async () => {
    const delays = [30, 0, 10];
    const connections = await connectMemory({ delayMs: ({ stream }) => (stream < 1 ? 0 : (delays[stream % 3] as number)) });
    const pair = await pairOf({ connections });
    const streams = await Promise.all([1, 2, 3, 4, 5, 6].map(() => pair.client.openStream()));
    for (const stream of streams) {
      await stream.write(Uint8Array.of(stream.id));
      await stream.finish();
    }
    const arrived: number[] = [];
    for (const _stream of streams) {
      const stream = await accepted(pair);
      expect(await readAll(stream)).toEqual(Uint8Array.of(stream.id));
      arrived.push(stream.id);
    }
    expect(arrived.toSorted((one, other) => one - other)).toEqual([2, 4, 6, 8, 10, 12]);
    expect(arrived).not.toEqual([2, 4, 6, 8, 10, 12]);
  });

  test('opening waits for the limit of the peer; too many waiting are refused', async () => {
    const pair = await pairOf({ server: { limits: { streamsMax: 2 } }, client: { limits: { waitingOpensMax: 2 } } });
    const first = await pair.client.openStream();
    const second = await pair.client.openStream();
    const controller = new AbortController();
    const third = pair.client.openStream();
    const fourth = errorOf(pair.client.openStream({ signal: controller.signal }));
    expect((await errorOf(pair.client.openStream())).code).toBe('stoq.stream_limit');
    controller.abort(new CodedError('test.abort', { message: 'enough', retryable: false }));
    expect((await fourth).code).toBe('test.abort');
    first.reset(0);
    const stream = await third;
    await stream.write(Uint8Array.of(3));
    await stream.finish();
    expect(await readAll(await accepted(pair))).toEqual(Uint8Array.of(3));
    second.reset(0);
  });

  test('streams that come and go never run out', async () => {
    const pair = await pairOf({ server: { limits: { streamsMax: 4 } } });
    for (let round = 0; round < 40; round++) {
      const stream = await pair.client.openStream();
      await stream.write(Uint8Array.of(round));
      await stream.finish();
      const other = await accepted(pair);
      expect(await readAll(other)).toEqual(Uint8Array.of(round));
      await other.finish();
      expect(await readAll(stream)).toHaveLength(0);
    }
  });

  test('a slow reader bounds what the sender hands over', async () => {
    const streamCreditBytes = 256 * 1024;
    const pair = await pairOf({ connections: await connectQuic(), server: { limits: { streamCreditBytes } } });
    const stream = await pair.client.openStream();
    let written = 0;
    const writing = (async () => {
      for (; written < 64; written++) await stream.write(new Uint8Array(64 * 1024));
      await stream.finish();
    })();
    const other = await accepted(pair);
    for (let turns = 0; turns < 200; turns++) await turn();
    expect(written * 64 * 1024).toBeLessThanOrEqual(streamCreditBytes);
    const received = await readAll(other);
    await writing;
    expect(received).toHaveLength(64 * 64 * 1024);
  });

  test('streams that nobody reads hold up neither others nor control', async () => {
    const limits = { streamCreditBytes: 64 * 1024, sessionCreditBytes: 1024 * 1024 };
    const pair = await pairOf({ connections: await connectQuic(), server: { limits } });
    for (let index = 0; index < 8; index++) {
      const stream = await pair.client.openStream();
      void errorOf(stream.write(new Uint8Array(128 * 1024)));
    }
    for (let index = 0; index < 8; index++) await accepted(pair);
    const stream = await pair.client.openStream();
    const reading = accepted(pair).then(readAll);
    await stream.write(new Uint8Array(2_000_000));
    await stream.finish();
    expect(await reading).toHaveLength(2_000_000);
    await pair.client.ping({ signal: AbortSignal.timeout(5_000) });
  });

  test('when the credit of the session is used up, writers wait until something is read', async () => {
    const limits = { streamCreditBytes: 64 * 1024, sessionCreditBytes: 64 * 1024 };
    const pair = await pairOf({ server: { limits } });
    const one = await pair.client.openStream();
    await one.write(new Uint8Array(64 * 1024));
    const two = await pair.client.openStream();
    let done = false;
    const writing = two.write(Uint8Array.of(1)).then(() => (done = true));
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(done).toBe(false);
    await (await accepted(pair)).read();
    await writing;
  });

  test('keys change while both directions are busy', async () => {
    const limits = { rekeyBytes: 20_000, rekeyRecords: 7 };
    const pair = await pairOf({ connections: await connectQuic(), client: { limits }, server: { limits } });
    const stream = await pair.client.openStream();
    await stream.write(Uint8Array.of(0));
    const other = await accepted(pair);
    const bytes = new Uint8Array(1_000_000).map((_value, index) => index * 7);
    const send = async (to: SessionStream, skip: number): Promise<void> => {
      for (let at = skip; at < bytes.length; at += 3_000) await to.write(bytes.subarray(at, at + 3_000));
      await to.finish();
    };
    const [, , there, back] = await Promise.all([send(stream, 1), send(other, 0), readAll(other), readAll(stream)]);
    expect(Buffer.compare(there.subarray(1), bytes.subarray(1))).toBe(0);
    expect(Buffer.compare(back, bytes)).toBe(0);
    for (let round = 0; round < 40; round++) await pair.client.ping({ signal: AbortSignal.timeout(5_000) });
  });

  test('the smaller record size of the two sides holds in both directions', async () => {
    const pair = await pairOf({ server: { limits: { recordBytesMax: 1024 } } });
    const stream = await pair.client.openStream();
    await stream.write(new Uint8Array(5_000));
    const other = await accepted(pair);
    expect(await other.read()).toHaveLength(1024);
    await other.write(new Uint8Array(5_000));
    expect(await stream.read()).toHaveLength(1024);
  });

  test('iteration gives all chunks; leaving it early resets', async () => {
    const pair = await pairOf();
    const stream = await pair.client.openStream();
    await stream.write(new Uint8Array(100_000));
    await stream.finish();
    await stream.finish();
    let bytes = 0;
    const other = await accepted(pair);
    for await (const chunk of other) bytes += chunk.length;
    expect(bytes).toBe(100_000);
    for await (const _chunk of other) throw new Error('there is nothing after the end');
    await other.write(new Uint8Array(100_000));
    for await (const chunk of stream) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect((await failureOf(() => other.write(Uint8Array.of(1)))).code).toBe('stoq.stream_reset');
  });

  test('nothing is written after finish; a reset after both ends does nothing', async () => {
    const pair = await pairOf();
    const stream = await pair.client.openStream();
    await stream.finish();
    expect((await errorOf(stream.write(Uint8Array.of(1)))).code).toBe('stoq.stream_reset');
    const other = await accepted(pair);
    expect(await other.read()).toBeNull();
    await other.finish();
    expect(await stream.read()).toBeNull();
    stream.reset(5);
    other.reset(5);
    expect(await stream.read()).toBeNull();
    expect(await other.read()).toBeNull();
  });

  test('the bytes of a write may change once it has resolved', async () => {
    const pair = await pairOf();
    const stream = await pair.client.openStream();
    const bytes = Uint8Array.of(1, 2, 3);
    await stream.write(bytes);
    bytes.fill(0);
    expect(await (await accepted(pair)).read()).toEqual(Uint8Array.of(1, 2, 3));
  });

  test('two writes, two reads or a code out of range are mistakes of the programmer', async () => {
    const pair = await pairOf({ server: { limits: { streamCreditBytes: 1024 } } });
    const stream = await pair.client.openStream();
    void errorOf(stream.write(new Uint8Array(10_000)));
    await expect(stream.write(Uint8Array.of(1))).rejects.toThrow('one write at a time');
    const reading = errorOf(stream.read());
    await expect(stream.read()).rejects.toThrow('one read at a time');
    expect(() => stream.reset(65_536)).toThrow('reset code');
    stream.reset(1);
    expect((await reading).code).toBe('stoq.stream_reset');
  });
});
