import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
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
import { SampleLog, sampleContract, sampleHandlers } from './sample-service.ts';
import { sessionPair, type SessionPair } from './session-pair.ts';
import { ERROR, frame, HEADER, header, REQUEST, request, VALUE } from './wire.ts';

/** What the peer sends until its end or reset. */
async function answerOf(stream: SessionStream): Promise<string> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (error) {
    return `${(error as CodedError).code} ${String((error as CodedError).data['code'])}`;
  }
  const bytes = Buffer.concat(chunks);
  if (bytes[0] !== ERROR) return `frame ${String(bytes[0])}`;
  return (decodeValue(bytes.subarray(5)) as { code: string }).code;
}

let pair: SessionPair;
let clock: SteppedClock;
let session: Session;

beforeEach(() => {
  pair = sessionPair();
  clock = new SteppedClock();
  session = pair.client;
});
afterEach(async () => pair.client.close());

describe('a server given', () => {
  beforeEach(() => {
    const rpc = createRpcServer({ clock });
    rpc.serve(sampleContract, sampleHandlers(new SampleLog()));
    void rpc.attach(pair.server);
  });

  const good = header('sample/1.echo');
  it.each<[string, readonly Uint8Array[], string]>([
    ['header and request', [good, request(1)], `frame ${VALUE}`],
    ['both byte by byte', [...Buffer.concat([good, request(1)])].map((byte) => new Uint8Array([byte])), `frame ${VALUE}`],
    ['nothing', [], 'stoq.rpc_malformed'],
    ['a part of a frame head', [new Uint8Array([1, 0])], 'stoq.rpc_malformed'],
    ['a truncated header', [good.subarray(0, 9)], 'stoq.rpc_malformed'],
    ['a request without a header', [request(1)], 'stoq.rpc_malformed'],
    ['two headers', [good, good], 'stoq.rpc_malformed'],
    ['a value from the caller', [good, frame(VALUE, '00')], 'stoq.rpc_malformed'],
    ['an unknown type', [frame(9, '00')], 'stoq.rpc_malformed'],
    ['an oversized header', [frame(HEADER, '', 257)], 'stoq.rpc_too_large'],
    ['an oversized request, of which only the head has come', [good, frame(REQUEST, '', 64 * 1024 + 1)], 'stoq.rpc_too_large'],
    ['the largest length', [good, frame(REQUEST, '', 0xffff_ffff)], 'stoq.rpc_too_large'],
    ['a header that is no CBOR', [frame(HEADER, 'ff'), request(1)], 'stoq.rpc_malformed'],
    ['a header with a map', [frame(HEADER, 'a0'), request(1)], 'stoq.rpc_malformed'],
    ['a deadline above the limit', [header('sample/1.echo', '1a7fffffff'), request(1)], 'stoq.rpc_malformed'],
    ['an empty request', [good, frame(REQUEST, '')], 'stoq.rpc_bad_request'],
    ['a request that is not canonical', [good, frame(REQUEST, '1800')], 'stoq.rpc_bad_request'],
    ['a request that reaches for a prototype', [good, frame(REQUEST, 'a1 69 5f5f70726f746f5f5f a0')], 'stoq.rpc_bad_request'],
    ['an inherited name as method', [header('constructor'), request(1)], 'stoq.rpc_unknown_method'],
    ['a truncated request', [good, frame(REQUEST, '00', 2)], 'stoq.rpc_malformed'],
  ])('%s answers', async (_, chunks, expected) => {
    const stream = await session.openStream();
    for (const chunk of chunks) await stream.write(chunk);
    await stream.finish();
    expect(await answerOf(stream)).toBe(expected);
  });

  it('bytes after the request ends the call', async () => {
    const stream = await session.openStream();
    await stream.write(Buffer.concat([header('sample/1.hang'), request('x'), request('y')]));
    expect(await answerOf(stream)).toBe('stoq.rpc_malformed');
    await stream.finish();
  });

  it('endless bytes after a refusal resets the stream', async () => {
    const stream = await session.openStream();
    const writing = (async () => {
      await stream.write(header('no/1.method'));
      for (;;) await stream.write(new Uint8Array(65_536));
    })();
    await expect(writing).rejects.toMatchObject({ code: 'stoq.stream_reset', data: { code: 3 } });
  });

  it('a refused caller that never ends resets the stream', async () => {
    const stream = await session.openStream();
    await stream.write(header('no/1.method'));
    expect(await stream.read()).not.toBeNull();
    await expect.poll(() => clock.timers).toBe(1);
    clock.step(10_000);
    await expect(stream.write(new Uint8Array(1))).rejects.toMatchObject({ code: 'stoq.stream_reset', data: { code: 3 } });
  });

  it('random and mutated frames stays up', async () => {
    const valid = fc.constantFrom(
      Buffer.concat([header('sample/1.echo'), request({ a: [1, 2n, 'x'] })]),
      Buffer.concat([header('sample/1.add'), request({ a: 1, b: 2 })]),
      Buffer.concat([header('sample/1.count'), request({ from: 0, to: 3 })]),
    );
    const mutated = fc
      .tuple(valid, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }), fc.nat())
      .map(([bytes, changes, cut]) => {
        const copy = Buffer.from(bytes);
        for (const [at, value] of changes) copy[at % copy.length] = value;
        return cut % 3 === 0 ? copy.subarray(0, cut % copy.length) : copy;
      });
    const echo = createRpcClient(sampleContract, singleSession(session), { clock: new SteppedClock() }).echo;
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), fc.boolean(), async (bytes, ends) => {
        const stream = await session.openStream();
        await stream.write(bytes);
        if (ends) {
          await stream.finish();
          expect(await answerOf(stream)).toMatch(/^(stoq\.[a-z_]+|stoq\.stream_reset 3|frame (3|undefined))$/);
        } else stream.reset(1);
        expect(await echo('alive')).toBe('alive');
      }),
      { numRuns: 1_500 },
    );
  });
});

describe('a client given, on a stream of the call,', () => {
  it.each<[string, readonly Uint8Array[], string]>([
    ['a value', [frame(VALUE, '6161')], 'ok'],
    ['nothing', [], 'stoq.rpc_malformed'],
    ['a header', [frame(HEADER, '00')], 'stoq.rpc_malformed'],
    ['an unknown frame', [frame(0, '00')], 'stoq.rpc_malformed'],
    ['a value above its limit', [frame(VALUE, '', 128 * 1024 + 1)], 'stoq.rpc_too_large'],
    ['an error above its limit', [frame(ERROR, '', 8 * 1024 + 1)], 'stoq.rpc_too_large'],
    ['a value that is no CBOR', [frame(VALUE, 'ff')], 'stoq.rpc_bad_response'],
    ['an error that is no map', [frame(ERROR, '80')], 'stoq.rpc_malformed'],
    ['an error without a code', [frame(ERROR, encodeValue({ data: {}, retryable: true }, 100))], 'stoq.rpc_malformed'],
    ['an error with a wrong code', [frame(ERROR, encodeValue({ code: 'A B', data: {}, retryable: true }, 100))], 'stoq.rpc_malformed'],
    [
      'an error with nested data',
      [frame(ERROR, encodeValue({ code: 'a.b', data: { c: [] }, retryable: true }, 100))],
      'stoq.rpc_malformed',
    ],
    [
      'an error with long data',
      [frame(ERROR, encodeValue({ code: 'a.b', data: { c: 'x'.repeat(257) }, retryable: true }, 500))],
      'stoq.rpc_malformed',
    ],
    ['an error of an unknown package', [frame(ERROR, encodeValue({ code: 'a.b', data: {}, retryable: true }, 100))], 'a.b'],
  ])('%s', async (_, chunks, expected) => {
    const call = createRpcClient(sampleContract, singleSession(session), { clock })
      .wide('x')
      .then(
        () => 'ok',
        (error: CodedError) => error.code,
      );
    const stream = (await pair.server.acceptStream()) as SessionStream;
    for (const chunk of chunks) await stream.write(chunk);
    await stream.finish();
    expect(await call).toBe(expected);
  });

  it('no end after the answer resets the stream', async () => {
    const calls = createRpcClient(sampleContract, singleSession(session), { clock });
    const call = calls.wide('x');
    const stream = (await pair.server.acceptStream()) as SessionStream;
    await stream.write(frame(VALUE, '6161'));
    expect(await call).toBe('a');
    clock.step(10_000);
    await expect(stream.write(new Uint8Array(1))).rejects.toMatchObject({ code: 'stoq.stream_reset', data: { code: 3 } });
  });

  it('a reset for the deadline says so, any other is passed on', async () => {
    const calls = createRpcClient(sampleContract, singleSession(session), { clock });
    for (const [code, expected] of [
      [2, 'stoq.rpc_deadline'],
      [77, 'stoq.stream_reset'],
    ] as const) {
      const call = calls.wide('x');
      ((await pair.server.acceptStream()) as SessionStream).reset(code);
      await expect(call).rejects.toMatchObject({ code: expected });
    }
  });
});
