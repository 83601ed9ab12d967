import { blobContract, stoqError, systemClock, type Timer } from '@hypermesh/stoq';
import { Prng } from '@hypermesh/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { targetsOf } from '../src/contracts.ts';
import { type CallSource, type Conversation, makeConversation, SHARED_FORMS, type SharedForm, type Turn } from '../src/conversation.ts';
import { judgeHeld } from '../src/judge.ts';
import { hold, holdTogether, SHARED_STREAMS_MAX } from '../src/shared-stream.ts';
import { Tally } from '../src/tally.ts';
import { type Alteration, connect, createPeers, type Peers, startServer } from './altered-server.ts';

const CONVERSATIONS = 40;
const ANSWER_HEAD_BYTES = 7;
const [HEADER, VALUE, ERROR] = [1, 3, 4];
// For what never comes; what is late is found too, and does not matter.
const IMPATIENT: Timer = { after: (_delayMs, callback) => systemClock.after(100, callback) };

let peers: Peers;
beforeAll(async () => {
  peers = await createPeers();
}, 30_000);
afterAll(() => peers.crypto.close());

function sourceOf(seed: number): CallSource {
  const prng = new Prng(seed);
  const targets = targetsOf(blobContract);
  return { prng, vocabulary: { bytes: [], texts: [] }, pickTarget: () => prng.pick(targets) };
}

/** Answers of a server, all with another type. */
function typed(bytes: Uint8Array, type: number): Uint8Array {
  const copy = Buffer.from(bytes);
  for (let at = 0; at < copy.length; at += ANSWER_HEAD_BYTES + copy.readUInt32BE(at + 3)) copy[at + 2] = type;
  return copy;
}

describe('conversations', () => {
  test('repeat with the seed', () => {
    const made = (seed: number): Conversation[] => {
      const source = sourceOf(seed);
      return Array.from({ length: 20 }, () => makeConversation(source));
    };
    expect(JSON.stringify(made(1))).toBe(JSON.stringify(made(1)));
    expect(JSON.stringify(made(1))).not.toBe(JSON.stringify(made(2)));
  });

  test.each(SHARED_FORMS)('%s: a server answers each call once, then resets the stream', async (form) => {
    const server = await startServer(peers);
    const session = await connect(peers, server);
    const source = sourceOf(7);
    const tally = new Tally();
    for (let count = 0; count < CONVERSATIONS; count++) {
      const conversation = makeConversation(source, form);
      const held = await hold(session, conversation, systemClock);
      judgeHeld(server.front, form, held, tally);
      const before = conversation.turns.flatMap(({ calls }) => calls);
      expect(held.outcomes.length).toBe(before.length + (conversation.breach?.calls.length ?? 0));
      const intact = held.outcomes
        .slice(0, before.length)
        .filter(({ shared: { call, frames } }) => call.form === 'sound' && frames.length === 2);
      for (const { shared, outcome } of intact) {
        const isRefused = shared.target.spec.kind === 'server-stream';
        expect(outcome).toEqual(isRefused ? { kind: 'error', code: 'stoq.rpc_malformed' } : { kind: 'value' });
      }
    }
    expect(tally.violations).toEqual([]);
    expect(tally.calls).toBeGreaterThanOrEqual(CONVERSATIONS);
  });
});

describe('a crowd', () => {
  const turns = (): readonly Turn[] => {
    const source = sourceOf(3);
    return Array.from({ length: SHARED_STREAMS_MAX + 1 }, () => makeConversation(source, 'sound').turns[0] as Turn);
  };

  test('of streams leaves one without a place, and frees those of the others', async () => {
    const session = await connect(peers, await startServer(peers));
    for (let count = 0; count < 5; count++) expect((await holdTogether(session, turns(), systemClock)).faults).toEqual([]);
  });

  test('shows a server that has places for all', async () => {
    const session = await connect(peers, await startServer(peers, () => ({ reset: () => {} })));
    expect((await holdTogether(session, turns(), IMPATIENT)).faults).toContain(`0 of ${SHARED_STREAMS_MAX + 1} were reset`);
  });
});

describe('a server', () => {
  test.each<[string, SharedForm, RegExp, Alteration]>([
    ['answers twice', 'sound', /an answer to no call/, (stream) => ({ write: (bytes) => stream.write(Buffer.concat([bytes, bytes])) })],
    ['never answers', 'sound', /blob\/1\..*: no answer/, () => ({ write: async () => {} })],
    [
      'answers under another number',
      'sound',
      /an answer to no call, number \d+, type [34]/,
      (stream) => ({ write: (bytes) => stream.write(Buffer.concat([Uint8Array.of(4), bytes.subarray(1)])) }),
    ],
    [
      'answers with a type of the caller',
      'sound',
      /an error without a type: frame type 1/,
      (stream) => ({ write: (bytes) => stream.write(typed(bytes, HEADER)) }),
    ],
    [
      'answers with an error that is none',
      'sound',
      /an error without a type: no code/,
      (stream) => ({ write: (bytes) => stream.write(typed(bytes, ERROR)) }),
    ],
    [
      'answers a call for a stream with a value',
      'sound',
      /a value of blob\/1\.get/,
      (stream) => ({ write: (bytes) => stream.write(typed(bytes, VALUE)) }),
    ],
    [
      'answers at length',
      'sound',
      /an answer of 65537 bytes/,
      (stream) => ({ write: () => stream.write(Buffer.from('00000300010001', 'hex')) }),
    ],
    ['resets a stream without a breach', 'sound', /reset without a breach/, (stream) => ({ write: async () => stream.reset(3) })],
    ['resets with another code', 'sound', /\(code=1 by=peer\)/, (stream) => ({ reset: () => stream.reset(1) })],
    ['ends a stream', 'truncated', /ended, not reset/, (stream) => ({ reset: () => void stream.finish() })],
    ['takes a breach', 'no header', /not reset/, () => ({ reset: () => {} })],
  ])('that %s is found', async (_, form, violation, alteration) => {
    const server = await startServer(peers, alteration);
    const session = await connect(peers, server);
    const tally = new Tally();
    const source = sourceOf(5);
    for (let count = 0; count < CONVERSATIONS && !tally.violations.some((text) => violation.test(text)); count++) {
      judgeHeld(server.front, form, await hold(session, makeConversation(source, form), IMPATIENT), tally);
    }
    expect(tally.violations.join('\n')).toMatch(violation);
    expect(tally.violations.every((text) => /^server as pinned, .*; [0-9a-f]+/.test(text))).toBe(true);
  });

  test('that loses its session with a stream is no fault of the stream', async () => {
    const server = await startServer(peers, (_, session) => ({ reset: () => session.abort(stoqError('stoq.session_closed')) }));
    const session = await connect(peers, server);
    expect((await hold(session, makeConversation(sourceOf(5), 'no header'), systemClock)).faults).toEqual([]);
  });
});
