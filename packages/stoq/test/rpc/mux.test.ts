import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type CallReport,
  type Client,
  type CodedError,
  createRpcClient,
  createRpcServer,
  decodeValue,
  encodeValue,
  type Session,
  type SessionStream,
  singleSession,
} from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { failureOf } from './fixture.ts';
import { SampleLog, sampleContract, sampleHandlers, type SampleMethods } from './sample-service.ts';
import { sessionPair, type SessionPair } from './session-pair.ts';
import { ERROR, frame, header, MUX, numbered, request, RESET, VALUE } from './wire.ts';

const CALLS_MAX = 1024;
const LARGE = 'x'.repeat(16_000);

let pair: SessionPair;
let clock: SteppedClock;
let log: SampleLog;
let calls: Client<SampleMethods>;
/** Streams that the client has opened. */
let opened: SessionStream[];

beforeEach(() => {
  pair = sessionPair();
  clock = new SteppedClock();
  log = new SampleLog();
  opened = [];
  const session: Session = {
    ...pair.client,
    async openStream(options) {
      const stream = await pair.client.openStream(options);
      opened.push(stream);
      return stream;
    },
  };
  calls = createRpcClient(sampleContract, singleSession(session), { clock });
});
afterEach(async () => pair.client.close());

/** One frame of a shared stream. */
interface Answer {
  readonly number: number;
  readonly type: number;
  readonly value: unknown;
}

/** The frames that a peer sends on a shared stream. */
class Answers {
  readonly stream: SessionStream;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(stream: SessionStream) {
    this.stream = stream;
  }

  async next(): Promise<Answer> {
    for (;;) {
      if (this.#bytes.length >= 7) {
        const end = 7 + this.#bytes.readUInt32BE(3);
        if (this.#bytes.length >= end) {
          const [number, type, payload] = [this.#bytes.readUInt16BE(0), this.#bytes[2] as number, this.#bytes.subarray(7, end)];
          this.#bytes = this.#bytes.subarray(end);
          return { number, type, value: type === RESET ? payload.readUInt16BE() : decodeValue(payload) };
        }
      }
      const chunk = await this.stream.read();
      if (chunk === null) throw new Error('the stream ended');
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
    }
  }
}

describe('small calls', () => {
  beforeEach(() => {
    const rpc = createRpcServer({ clock });
    rpc.serve(sampleContract, sampleHandlers(log));
    void rpc.attach(pair.server);
  });

  it('share one stream, one after the other and beside each other', async () => {
    await calls.add({ a: 1, b: 1 });
    await Promise.all(Array.from({ length: 100 }, (_, n) => calls.add({ a: n, b: n })));
    await failureOf(calls.fail('coded'));
    expect(opened).toHaveLength(1);
  });

  it('are answered in any order', async () => {
    const controller = new AbortController();
    const hanging = failureOf(calls.hang('a', { signal: controller.signal }));
    await log.until(({ started }) => started.length === 1);
    expect(await calls.echo('later')).toBe('later');
    controller.abort();
    expect(await hanging).toMatchObject({ code: 'stoq.rpc_cancelled' });
    expect(opened).toHaveLength(1);
  });

  it('leave large messages and streams of values a stream of their own', async () => {
    await calls.echo(LARGE);
    expect(opened).toHaveLength(1);
    await calls.upload(new Uint8Array(70_000));
    await calls.wide('an answer that might be large');
    for await (const value of calls.count({ from: 0, to: 2 })) expect(value).toBeLessThan(2);
    expect(opened).toHaveLength(4);
  });

  it('of which none may be added have streams of their own', async () => {
    const controller = new AbortController();
    const hanging = Array.from({ length: CALLS_MAX }, () => failureOf(calls.hang('a', { signal: controller.signal })));
    // Above what one session may have under way most are refused, and their numbers are free again.
    await Promise.all(hanging.slice(256));
    expect(opened).toHaveLength(1);
    controller.abort();
    await Promise.all(hanging);
  });

  it('that were cancelled free their number when the server has said its last word', async () => {
    for (let turn = 0; turn < 2 * CALLS_MAX; turn += 128) {
      const controller = new AbortController();
      const hanging = Array.from({ length: 128 }, () => failureOf(calls.hang('a', { signal: controller.signal })));
      await log.until(({ started }) => started.length === turn + 128);
      controller.abort();
      await Promise.all(hanging);
      await log.until(({ aborted }) => aborted.length === turn + 128);
    }
    expect(await calls.echo(1)).toBe(1);
    expect(opened).toHaveLength(1);
  });

  it('begin another stream when theirs has broken', async () => {
    const hanging = failureOf(calls.hang('a'));
    await log.until(({ started }) => started.length === 1);
    (opened[0] as SessionStream).reset(77);
    expect(await hanging).toMatchObject({ code: 'stoq.stream_reset' });
    await log.until(({ aborted }) => aborted.length === 1);
    expect(await calls.echo(1)).toBe(1);
    expect(opened).toHaveLength(2);
  });

  it('wait for the peer, and fail with the session', async () => {
    const call = failureOf(calls.hang('a'));
    await log.until(({ started }) => started.length === 1);
    await pair.server.close();
    expect(await call).toMatchObject({ code: 'stoq.session_closed' });
    expect(await failureOf(calls.echo(1))).toMatchObject({ code: 'stoq.session_closed' });
  });
});

describe('a server', () => {
  let answers: Answers;
  let reports: CallReport[];
  const send = (...parts: readonly Uint8Array[]): Promise<void> => answers.stream.write(Buffer.concat(parts));
  const take = async (count: number): Promise<Answer[]> => {
    const taken: Answer[] = [];
    while (taken.length < count) taken.push(await answers.next());
    return taken;
  };

  beforeEach(async () => {
    reports = [];
    const rpc = createRpcServer({ clock, observer: { called: (report) => void reports.push(report) } });
    rpc.serve(sampleContract, sampleHandlers(log));
    void rpc.attach(pair.server);
    answers = new Answers(await pair.client.openStream());
    await send(frame(MUX, ''));
  });

  const echo = header('sample/1.echo');
  const hang = header('sample/1.hang');

  it('answers under the number of the call', async () => {
    await send(numbered(5, hang, request('a')), numbered(3, echo), numbered(9, echo, request(9)), numbered(3, request(3)));
    const got = [await answers.next(), await answers.next()].toSorted((a, b) => a.number - b.number);
    expect(got).toEqual([
      { number: 3, type: VALUE, value: 3 },
      { number: 9, type: VALUE, value: 9 },
    ]);
    await send(numbered(3, echo, request('again')));
    expect(await answers.next()).toEqual({ number: 3, type: VALUE, value: 'again' });
  });

  it('ends a call that its caller gives up, once', async () => {
    await send(numbered(0, hang, request('a')));
    await log.until(({ started }) => started.length === 1);
    await send(numbered(0, frame(RESET, '0002')));
    expect(await answers.next()).toEqual({ number: 0, type: RESET, value: 2 });
    expect(log.aborted).toEqual([{ name: 'a', code: 'stoq.rpc_deadline' }]);
    await send(numbered(0, frame(RESET, '0002')), numbered(0, echo, request(1)));
    expect(await answers.next()).toEqual({ number: 0, type: VALUE, value: 1 });
  });

  it.each<[string, Uint8Array, string]>([
    ['an unknown method, whose request comes later', header('sample/1.none'), 'stoq.rpc_unknown_method'],
    ['a stream of values', header('sample/1.count'), 'stoq.rpc_malformed'],
    ['a header that is no CBOR', frame(1, 'ff'), 'stoq.rpc_malformed'],
    ['a method whose answer is too large', header('sample/1.blob'), 'stoq.rpc_too_large'],
  ])('refuses %s', async (_, head, code) => {
    await send(numbered(7, head));
    const answer = answers.next();
    await send(numbered(7, request(70_000)));
    expect(await answer).toMatchObject({ number: 7, type: ERROR, value: { code } });
    await send(numbered(7, echo, request(1)));
    expect(await answers.next()).toEqual({ number: 7, type: VALUE, value: 1 });
  });

  it.each<[string, Uint8Array]>([
    ['a request without a header', numbered(0, request(1))],
    ['a value', numbered(0, frame(VALUE, '00'))],
    ['a second header', numbered(0, hang, hang)],
    ['a second request', numbered(0, hang, request('a'), request('b'))],
    ['a number in use', numbered(0, hang, request('a'), hang)],
    ['a number above the limit', numbered(CALLS_MAX, echo, request(1))],
    ['a second start', numbered(0, frame(MUX, ''))],
    ['an oversized header', numbered(0, frame(1, '', 257))],
    ['an oversized request', numbered(0, echo, frame(2, '', 16 * 1024 + 1))],
    ['a reset of a wrong length', numbered(0, hang, request('a'), frame(RESET, '00'))],
    ['a part of a number', new Uint8Array([0])],
  ])('gives up a stream with %s, and all its calls', async (_, bytes) => {
    await send(numbered(1, hang, request('other')));
    await log.until(({ started }) => started.includes('other'));
    await send(bytes);
    if (bytes.length === 1) await answers.stream.finish();
    await expect(
      (async () => {
        for (;;) await answers.next();
      })(),
    ).rejects.toMatchObject({ code: 'stoq.stream_reset', data: { code: 3 } });
    await log.until(({ aborted }) => aborted.some(({ name }) => name === 'other'));
    expect(await calls.echo('alive')).toBe('alive');
  });

  it('takes no start with a payload', async () => {
    const stream = await pair.client.openStream();
    await stream.write(frame(MUX, '00'));
    const answer = Buffer.from((await stream.read()) ?? []);
    expect([answer[0], decodeValue(answer.subarray(5))]).toMatchObject([ERROR, { code: 'stoq.rpc_too_large' }]);
    await stream.finish();
  });

  it('takes no number again whose answer waits for its reader', async () => {
    // What the reader does not take fills the window of the stream; the answers behind it stay with the server.
    for (let number = 0; number < 40; number++) await send(numbered(number, echo, request(LARGE)));
    await send(numbered(40, hang, request('a')));
    await log.until(({ started }) => started.length === 1);
    await send(numbered(39, echo, request(LARGE)));
    await expect.poll(() => reports.some(({ method, code }) => `${method} ${code}` === 'unknown stoq.rpc_malformed')).toBe(true);
    await expect(answers.stream.read()).rejects.toMatchObject({ code: 'stoq.stream_reset', data: { code: 3 } });
  });

  it('keeps calls under way whose answers wait for their reader, until their deadline', async () => {
    const count = 300;
    for (let number = 0; number < count; number++) await send(numbered(number, echo, request(LARGE)));
    // Above 256 they are refused, which waits for the reader as well.
    await expect.poll(() => clock.timers).toBeGreaterThan(270);
    expect(reports.length).toBeLessThan(30);
    clock.step(1_000);
    await expect.poll(() => reports.filter(({ code }) => code === 'stoq.rpc_deadline').length).toBeGreaterThan(230);
    const got = await take(count);
    expect(new Set(got.map(({ number }) => number)).size).toBe(count);
    expect(got.filter(({ type, value }) => type === RESET && value === 2).length).toBeGreaterThan(230);
    expect(got.filter(({ type }) => type === ERROR).length).toBeGreaterThan(20);
  });

  it('drops an answer that waits when its caller gives the call up', async () => {
    for (let number = 0; number < 20; number++) await send(numbered(number, echo, request(LARGE)));
    await send(numbered(19, frame(RESET, '0001')));
    await expect.poll(() => reports.some(({ code }) => code === 'stoq.rpc_cancelled')).toBe(true);
    const got = await take(20);
    expect(got.at(-1)).toEqual({ number: 19, type: RESET, value: 1 });
    expect(got.slice(0, -1).every(({ type }) => type === VALUE)).toBe(true);
  });

  it('has four shared streams in a session, and another when one has ended', async () => {
    const others = await Promise.all(Array.from({ length: 3 }, () => pair.client.openStream()));
    for (const stream of others) await stream.write(Buffer.concat([frame(MUX, ''), numbered(0, echo, request(1))]));
    for (const stream of others) await new Answers(stream).next();
    const fifth = await pair.client.openStream();
    await fifth.write(frame(MUX, ''));
    await expect(fifth.read()).rejects.toMatchObject({ code: 'stoq.stream_reset', data: { code: 3 } });
    answers.stream.reset(1);
    await expect.poll(() => calls.echo(1).catch(() => null)).toBe(1);
  });

  it('given random and mutated frames stays up', async () => {
    const sound = Buffer.concat([
      numbered(0, echo, request({ a: [1, 2n, 'x'] })),
      numbered(1, header('sample/1.add'), request({ a: 1, b: 2 })),
    ]);
    const mutated = fc
      .tuple(fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }), fc.nat())
      .map(([changes, cut]) => {
        const copy = Buffer.from(sound);
        for (const [at, value] of changes) copy[at % copy.length] = value;
        return cut % 3 === 0 ? copy.subarray(0, cut % copy.length) : copy;
      });
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), async (bytes) => {
        const stream = await pair.client.openStream();
        await stream.write(Buffer.concat([frame(MUX, ''), bytes]));
        await stream.finish();
        await expect(
          (async () => {
            for (;;) if ((await stream.read()) === null) throw new Error('ended well');
          })(),
        ).rejects.toMatchObject({ code: 'stoq.stream_reset' });
        expect(await calls.echo('alive')).toBe('alive');
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('a client', () => {
  let server: SessionStream;
  let outcome: Promise<string>;
  const outcomeOf = (call: Promise<unknown>): Promise<string> =>
    call.then(
      () => 'ok',
      (error: CodedError) => error.code,
    );

  beforeEach(async () => {
    outcome = outcomeOf(calls.hang('x'));
    server = (await pair.server.acceptStream()) as SessionStream;
  });

  it.each<[string, Uint8Array, string]>([
    ['a value', frame(VALUE, '6161'), 'ok'],
    ['a value that is no CBOR', frame(VALUE, 'ff'), 'stoq.rpc_bad_response'],
    ['a value against the contract', frame(VALUE, '01'), 'stoq.rpc_bad_response'],
    ['an error', frame(ERROR, encodeValue({ code: 'a.b', data: {}, retryable: true }, 100)), 'a.b'],
    ['an error that is no map', frame(ERROR, '80'), 'stoq.rpc_malformed'],
    ['a reset for the deadline', frame(RESET, '0002'), 'stoq.rpc_deadline'],
    ['another reset', frame(RESET, '004d'), 'stoq.stream_reset'],
  ])('given %s lets other calls go on', async (_, bytes, expected) => {
    const other = outcomeOf(calls.hang('y'));
    await server.write(numbered(0, bytes));
    expect(await outcome).toBe(expected);
    await server.write(numbered(1, frame(VALUE, '6161')));
    expect(await other).toBe('ok');
    expect(opened).toHaveLength(1);
  });

  it.each<[string, Uint8Array]>([
    ['an answer to no call', numbered(1, frame(VALUE, '6161'))],
    ['a header', numbered(0, header('sample/1.echo'))],
    ['a start', numbered(0, frame(MUX, ''))],
    ['a value above the limit', numbered(0, frame(VALUE, '', 16 * 1024 + 1))],
    ['an error above its limit', numbered(0, frame(ERROR, '', 8 * 1024 + 1))],
    ['a reset of a wrong length', numbered(0, frame(RESET, '00'))],
  ])('gives up a stream with %s', async (_, bytes) => {
    await server.write(bytes);
    expect(await outcome).toBe('stoq.stream_reset');
    await expect(drain(server)).rejects.toMatchObject({ code: 'stoq.stream_reset', data: { code: 3 } });
    void outcomeOf(calls.hang('y'));
    expect(await pair.server.acceptStream()).not.toBeNull();
  });

  it('fails all calls when the peer ends the stream', async () => {
    await server.finish();
    expect(await outcome).toBe('stoq.stream_reset');
  });

  it('takes no number again before its answer, and ignores the answer to a call that it gave up', async () => {
    const controller = new AbortController();
    const given = outcomeOf(calls.hang('y', { signal: controller.signal }));
    await new Promise(setImmediate);
    controller.abort();
    expect(await given).toBe('stoq.rpc_cancelled');
    const next = outcomeOf(calls.hang('z'));
    await server.write(numbered(2, frame(VALUE, '6161')));
    expect(await next).toBe('ok');
    await server.write(numbered(1, frame(VALUE, '6161')));
    await server.write(numbered(0, frame(VALUE, '6161')));
    expect(await outcome).toBe('ok');
  });

  it('gives a call a stream of its own when all numbers are taken', async () => {
    for (let n = 1; n < CALLS_MAX; n++) void outcomeOf(calls.hang('y'));
    void outcomeOf(calls.hang('z'));
    expect(await pair.server.acceptStream()).not.toBeNull();
    expect(opened).toHaveLength(2);
  });
});

async function drain(stream: SessionStream): Promise<never> {
  for (;;) if ((await stream.read()) === null) throw new Error('ended well');
}
