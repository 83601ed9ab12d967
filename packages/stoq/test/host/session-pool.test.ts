import { beforeEach, describe, expect, it } from 'vitest';
import {
  type CodedError,
  createRpcClient,
  createRpcServer,
  type PeerTarget,
  type Session,
  type SessionStream,
  stoqError,
} from '@hypermesh/stoq';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { BACK_OFF_MS_MAX, BACK_OFF_MS_MIN, backOffMs } from '../../src/host/back-off.ts';
import { DIAL_UNANSWERED_MS } from '../../src/host/pooled-peer.ts';
import { createSessionPool, type SessionPool } from '../../src/host/session-pool.ts';
import { SampleLog, sampleContract, sampleHandlers } from '../rpc/sample-service.ts';
import { sessionPair } from '../rpc/session-pair.ts';

const IDLE_MS = 1_000;
const AGE_MS = 10_000;
const target: PeerTarget = { addresses: ['peer:1'], expect: 'bundle' };
const entropy = { bytes: (length: number): Uint8Array => new Uint8Array(length).fill(255) };

let clock: SteppedClock;
let dials: PeerTarget[];
/** What the next dials answer with; without one, a session whose far side serves the sample contract. */
let answers: ((signal: AbortSignal) => Promise<Session>)[];
let far: Session[];
let near: Session[];
let log: SampleLog;
let pool: SessionPool;
let busyOf: Map<Session, (change: 1 | -1) => void>;
let identity: Uint8Array;

beforeEach(() => {
  clock = new SteppedClock();
  [dials, answers, far, near, busyOf] = [[], [], [], [], new Map()];
  log = new SampleLog();
  identity = Uint8Array.of(1);
  pool = createSessionPool(
    {
      clock,
      entropy,
      async dial(to, given) {
        dials.push(to);
        const answer = answers.shift();
        if (answer !== undefined) return answer(given);
        const pair = sessionPair();
        far.push(pair.server);
        near.push(pair.client);
        const rpc = createRpcServer({ clock });
        rpc.serve(sampleContract, sampleHandlers(log));
        void rpc.attach(pair.server);
        return pair.client;
      },
      shown: () => identity,
      opened: (session, busy) => void busyOf.set(session, busy),
    },
    { idleMsMax: IDLE_MS, ageMsMax: AGE_MS },
  );
});

const signal = (): AbortSignal => new AbortController().signal;
const callsTo = (to: PeerTarget = target): ReturnType<typeof createRpcClient<typeof sampleContract.methods>> =>
  createRpcClient(sampleContract, pool.source(to), { clock });
const refusal = async (): Promise<Session> => {
  throw stoqError('stoq.carrier_refused');
};
const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'ok',
    (error: CodedError) => error.code,
  );
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
};

const stateOf = async (session: Session | undefined): Promise<unknown> => Promise.race([session?.ended, Promise.resolve('open')]);

describe('sharing', () => {
  it('dials when first called, once for all', async () => {
    const calls = callsTo();
    expect(dials).toHaveLength(0);
    await Promise.all([calls.add({ a: 1, b: 1 }), calls.add({ a: 1, b: 1 }), callsTo().add({ a: 1, b: 1 })]);
    expect(dials).toHaveLength(1);
  });

  it.each<[string, PeerTarget, PeerTarget, number]>([
    ['the same addresses', target, { ...target }, 1],
    ['other addresses', target, { ...target, addresses: ['peer:2'] }, 2],
    [
      'the same id at other addresses',
      { ...target, id: new Uint8Array(32) },
      { addresses: ['x:1'], expect: 'bundle', id: new Uint8Array(32) },
      1,
    ],
    ['other ids', { ...target, id: new Uint8Array(32) }, { ...target, id: new Uint8Array(32).fill(1) }, 2],
    ['another kind expected', target, { ...target, expect: 'set-entry' }, 2],
    ['another own kind', target, { ...target, as: 'raw-key' }, 2],
    ['the own kind that is the default', target, { ...target, as: 'bundle' }, 1],
  ])('goes by %s', async (_, one, other, count) => {
    await callsTo(one).add({ a: 1, b: 1 });
    await callsTo(other).add({ a: 1, b: 1 });
    expect(dials).toHaveLength(count);
  });

  it('a caller that leaves does not take the dial from the others', async () => {
    const dialled = Promise.withResolvers<Session>();
    answers.push(() => dialled.promise);
    const leaving = new AbortController();
    const left = pool.source(target).acquire({ signal: leaving.signal });
    const stays = pool.source(target).acquire({ signal: signal() });
    leaving.abort(stoqError('stoq.rpc_cancelled'));
    await expect(left).rejects.toMatchObject({ code: 'stoq.rpc_cancelled' });
    const { client } = sessionPair();
    dialled.resolve(client);
    expect((await stays).session).toBe(client);
  });
});

describe('closing and replacing', () => {
  it('an idle session is closed, one with calls is not', async () => {
    await callsTo().add({ a: 1, b: 1 });
    const lease = await pool.source(target).acquire({ signal: signal() });
    clock.step(IDLE_MS * 3);
    await turns();
    expect(await stateOf(near[0])).toBe('open');
    lease.release();
    lease.release();
    clock.step(IDLE_MS * 2);
    expect(await near[0]?.ended).toMatchObject({ code: 'closed' });
    await callsTo().add({ a: 1, b: 1 });
    expect(dials).toHaveLength(2);
  });

  it('a session that has shown an old identity is replaced once its calls are over', async () => {
    await callsTo().add({ a: 1, b: 1 });
    const lease = await pool.source(target).acquire({ signal: signal() });
    identity = Uint8Array.of(1);
    await callsTo().add({ a: 1, b: 1 });
    expect(dials).toHaveLength(1);
    identity = Uint8Array.of(2);
    await callsTo().add({ a: 1, b: 1 });
    expect(dials).toHaveLength(2);
    expect(await stateOf(near[0])).toBe('open');
    lease.release();
    expect(await near[0]?.ended).toMatchObject({ code: 'closed' });
  });

  it('a session is in use as well while its peer calls', async () => {
    const lease = await pool.source(target).acquire({ signal: signal() });
    busyOf.get(lease.session)?.(1);
    lease.release();
    clock.step(IDLE_MS * 3);
    await turns();
    expect(await stateOf(near[0])).toBe('open');
    busyOf.get(lease.session)?.(-1);
    clock.step(IDLE_MS * 2);
    expect(await near[0]?.ended).toMatchObject({ code: 'closed' });
  });

  it('an old session is replaced, and closed after its last call', async () => {
    const lease = await pool.source(target).acquire({ signal: signal() });
    clock.step(AGE_MS);
    const next = await pool.source(target).acquire({ signal: signal() });
    expect(next.session).not.toBe(lease.session);
    expect(await stateOf(near[0])).toBe('open');
    lease.release();
    expect(await near[0]?.ended).toMatchObject({ code: 'closed' });
  });

  it('a session that has ended is replaced', async () => {
    await callsTo().add({ a: 1, b: 1 });
    far[0]?.abort(stoqError('stoq.session_idle'));
    await turns();
    await callsTo().once('x');
    expect(dials).toHaveLength(2);
  });

  it('closing waits for calls, then ends them', async () => {
    const lease = await pool.source(target).acquire({ signal: signal() });
    const closing = pool.close({ graceMs: 500 });
    await turns();
    expect(await stateOf(lease.session)).toBe('open');
    clock.step(500);
    await closing;
    expect(await lease.session.ended).toMatchObject({ code: 'closed' });
    expect(await codeOf(callsTo().add({ a: 1, b: 1 }))).toBe('stoq.session_closed');
  });
});

describe('back-off', () => {
  it.each([
    [1, BACK_OFF_MS_MIN],
    [2, BACK_OFF_MS_MIN * 2],
    [5, BACK_OFF_MS_MIN * 16],
    [50, BACK_OFF_MS_MAX],
  ])('after %i failures is between half and all of %i ms', (failures, whole) => {
    expect(backOffMs(failures, { bytes: (length) => new Uint8Array(length) })).toBe(whole / 2);
    expect(backOffMs(failures, entropy)).toBeCloseTo(whole, 3);
  });

  it('holds a call until it is over, and grows with each failure', async () => {
    answers.push(refusal, refusal);
    const calls = callsTo();
    expect(await codeOf(calls.add({ a: 1, b: 1 }))).toBe('stoq.carrier_refused');
    const second = codeOf(calls.add({ a: 1, b: 1 }));
    await turns();
    clock.step(BACK_OFF_MS_MIN - 1);
    await turns();
    expect(dials).toHaveLength(1);
    clock.step(1);
    expect(await second).toBe('stoq.carrier_refused');
    const third = codeOf(calls.add({ a: 1, b: 1 }));
    await turns();
    clock.step(BACK_OFF_MS_MIN + 1);
    await turns();
    expect(dials).toHaveLength(2);
    clock.step(BACK_OFF_MS_MIN);
    expect(await third).toBe('ok');
  });

  it('does not delay a call that comes after it', async () => {
    answers.push(refusal);
    await codeOf(callsTo().add({ a: 1, b: 1 }));
    clock.step(BACK_OFF_MS_MIN);
    expect(await codeOf(callsTo().add({ a: 1, b: 1 }))).toBe('ok');
  });

  it('starts small again after a success', async () => {
    answers.push(refusal, refusal);
    for (let failures = 1; failures <= 2; failures++) {
      await codeOf(callsTo().add({ a: 1, b: 1 }));
      clock.step(BACK_OFF_MS_MIN * failures);
    }
    await callsTo().add({ a: 1, b: 1 });
    far[0]?.abort(stoqError('stoq.session_idle'));
    await turns();
    answers.push(refusal);
    expect(await codeOf(callsTo().add({ a: 1, b: 1 }))).toBe('stoq.carrier_refused');
    clock.step(BACK_OFF_MS_MIN);
    expect(await codeOf(callsTo().add({ a: 1, b: 1 }))).toBe('ok');
  });

  it('ends when the pool closes or the call does', async () => {
    answers.push(refusal);
    await codeOf(callsTo().add({ a: 1, b: 1 }));
    const impatient = codeOf(callsTo().add({ a: 1, b: 1 }, { deadlineMs: 50 }));
    const waiting = codeOf(callsTo().add({ a: 1, b: 1 }));
    await turns();
    clock.step(50);
    expect(await impatient).toBe('stoq.rpc_deadline');
    await pool.close({ graceMs: 0 });
    expect(await waiting).toBe('stoq.session_closed');
  });
});

describe('a peer that opens a session here', () => {
  const id = new Uint8Array(32).fill(7);
  const peer: PeerTarget = { ...target, id };
  /** A dial that nobody answers; it ends when it is given up. */
  const unanswered = (): void =>
    void answers.push((given) => new Promise((_, reject) => given.addEventListener('abort', () => reject(given.reason as Error))));

  it.each<[string, number, Uint8Array, number]>([
    ['is dialled anew when it has not answered for long', DIAL_UNANSWERED_MS, id, 2],
    ['keeps the dial that may yet be answered', DIAL_UNANSWERED_MS - 1, id, 1],
    ['does not concern the dial of another', DIAL_UNANSWERED_MS, new Uint8Array(32), 1],
  ])('%s', async (_, afterMs, heardId, count) => {
    unanswered();
    const call = codeOf(callsTo(peer).add({ a: 1, b: 1 }, { deadlineMs: 2 * DIAL_UNANSWERED_MS }));
    await turns();
    clock.step(afterMs);
    pool.heard(heardId);
    await turns();
    expect(dials).toHaveLength(count);
    if (count === 1) await pool.close({ graceMs: 0 });
    expect(await call).toBe(count === 1 ? 'stoq.session_closed' : 'ok');
  });

  it('is dialled at once, whatever failed before', async () => {
    answers.push(refusal);
    await codeOf(callsTo(peer).add({ a: 1, b: 1 }));
    const waiting = codeOf(callsTo(peer).add({ a: 1, b: 1 }));
    await turns();
    expect(dials).toHaveLength(1);
    pool.heard(id);
    expect(await waiting).toBe('ok');
    answers.push(refusal);
    far[0]?.abort(stoqError('stoq.session_idle'));
    await turns();
    await codeOf(callsTo(peer).add({ a: 1, b: 1 }));
    pool.heard(id);
    expect(await codeOf(callsTo(peer).add({ a: 1, b: 1 }))).toBe('ok');
  });
});

describe('a session whose peer is silent', () => {
  const silent = (): ReturnType<typeof sessionPair> => {
    const pair = sessionPair();
    answers.push(async () => pair.client);
    return pair;
  };

  it.each<['add' | 'once', string]>([
    ['add', 'ok'],
    ['once', 'stoq.session_closed'],
  ])('is replaced by the next call, and ends when the peer answers another: %s is %s', async (method, expected) => {
    const old = silent();
    const calls = callsTo();
    const waiting = codeOf(method === 'add' ? calls.add({ a: 1, b: 1 }) : calls.once('x'));
    await turns();
    old.isUnresponsive = true;
    expect(await codeOf(calls.add({ a: 1, b: 1 }))).toBe('ok');
    expect(await old.client.ended).toMatchObject({ code: 'stoq.session_idle' });
    expect(await waiting).toBe(expected);
    expect(dials).toHaveLength(2);
  });

  it.each<[string, boolean]>([
    ['is heard again', false],
    ['is not dialled', true],
  ])('keeps its calls while the peer %s', async (_, refused) => {
    const old = silent();
    const lease = await pool.source(target).acquire({ signal: signal() });
    old.isUnresponsive = true;
    answers.push(async () => {
      if (refused) return refusal();
      old.isUnresponsive = false;
      return sessionPair().client;
    });
    await pool
      .source(target)
      .acquire({ signal: signal() })
      .catch(() => {});
    expect(await stateOf(lease.session)).toBe('open');
  });
});

describe('a session that dies under a call', () => {
  /** A session that looks alive and fails where it is told. */
  const dying = (where: 'open' | 'answer'): (() => Promise<Session>) => {
    return async () => {
      const { client, server } = sessionPair();
      if (where === 'answer') {
        void server.acceptStream().then(async (stream) => {
          await (stream as SessionStream).read();
          server.abort(stoqError('stoq.session_idle'));
        });
        return client;
      }
      return { ...client, openStream: async () => Promise.reject(stoqError('stoq.session_closed')) };
    };
  };

  it.each<['open' | 'answer', 'add' | 'once', string]>([
    ['answer', 'add', 'ok'],
    ['answer', 'once', 'stoq.session_closed'],
    ['open', 'add', 'ok'],
    ['open', 'once', 'ok'],
  ])('at its %s: %s is %s', async (where, method, expected) => {
    answers.push(dying(where));
    const calls = callsTo();
    expect(await codeOf(method === 'add' ? calls.add({ a: 1, b: 1 }) : calls.once('x'))).toBe(expected);
    expect(dials).toHaveLength(expected === 'ok' ? 2 : 1);
    expect(log.started).toEqual(method === 'once' && expected === 'ok' ? ['x'] : []);
  });

  it.each<['open' | 'answer']>([['open'], ['answer']])('twice is an error (%s)', async (where) => {
    answers.push(dying(where), dying(where));
    expect(await codeOf(callsTo().add({ a: 1, b: 1 }))).toBe('stoq.session_closed');
    expect(dials).toHaveLength(2);
  });

  it('is not retried when the peer answered with such a code', async () => {
    answers.push(async () => {
      const { client, server } = sessionPair();
      const rpc = createRpcServer({ clock });
      const handlers = sampleHandlers(log);
      rpc.serve(sampleContract, { ...handlers, add: async () => Promise.reject(stoqError('stoq.session_closed')) });
      void rpc.attach(server);
      return client;
    });
    expect(await codeOf(callsTo().add({ a: 1, b: 1 }))).toBe('stoq.session_closed');
    expect(dials).toHaveLength(1);
  });
});
