import { type Carrier, CodedError, connectSession, type ConnectOptions, pause, type Session, stoqError } from '@hypermesh/stoq';
import { type Prng, sendHandshakeGarbage, sendSessionGarbage } from '@hypermesh/testkit';
import { exchange, type Outcome } from './answer.ts';
import { isServed, type Target } from './contracts.ts';
import { type CallSource, makeConversation, type Turn } from './conversation.ts';
import { type Form, makeCall } from './frames.ts';
import { type Front, judgeCall, judgeHeld } from './judge.ts';
import type { Vocabulary } from './sample.ts';
import { hold, holdTogether, SHARED_STREAMS_MAX } from './shared-stream.ts';
import type { Tally } from './tally.ts';

export interface AttackComponents extends Pick<ConnectOptions, 'verifier' | 'crypto' | 'clock' | 'entropy'> {
  readonly carrier: Carrier;
  readonly targets: readonly Target[];
  readonly vocabulary: Vocabulary;
  readonly prng: Prng;
  readonly tally: Tally;
  readonly signal: AbortSignal;
}

// Each has one shared stream at most.
const ROUNDS_AT_ONCE = SHARED_STREAMS_MAX;
const ROUNDS_PER_SESSION = 64;
// A conversation has ten calls or so: with this share most calls go there, as they do between daemons.
const CONVERSATION_SHARE = 0.15;
const SERVED_SHARE = 0.85;
const HANDSHAKE_MS_MAX = 10_000;
// A daemon that refuses a handshake for its rate, or because it takes no such identity, is asked again after this.
const PAUSE_MS = 500;

/** Attacks one front until the signal aborts: sessions full of calls, and between them garbage below RPC. */
export async function attack(front: Front, components: AttackComponents): Promise<void> {
  const { prng, tally, clock, signal } = components;
  while (!signal.aborted) {
    const session = await openSession(front, components);
    if (session === null) {
      await pause(clock, PAUSE_MS, signal);
    } else {
      await Promise.all(Array.from({ length: ROUNDS_AT_ONCE }, () => callInRounds(session, front, components)));
      if (!signal.aborted) await crowd(session, front, components).catch((error: unknown) => note(error, tally));
      session.abort(stoqError('stoq.session_closed'));
    }
    if (!signal.aborted && prng.chance(0.5)) await litter(front, components).catch((error: unknown) => note(error, tally));
  }
}

async function openSession(front: Front, components: AttackComponents): Promise<Session | null> {
  const { carrier, tally, verifier, crypto, clock, entropy } = components;
  const { identity, expect, address } = front;
  const signal = AbortSignal.timeout(HANDSHAKE_MS_MAX);
  tally.handshakes++;
  try {
    const connection = await carrier.dial(address, { signal });
    const session = await connectSession({ connection, identity, expect, verifier, crypto, clock, entropy, signal });
    if (identity.kind === 'raw-key' && front.kind !== 'trustchaind') tally.violate(`${front.daemon} took a raw key`);
    return session;
  } catch (error) {
    tally.handshakesRefused++;
    note(error, tally);
    return null;
  }
}

async function callInRounds(session: Session, front: Front, components: AttackComponents): Promise<void> {
  const { prng, tally, signal } = components;
  let isOver = false;
  void session.ended.then(() => (isOver = true));
  for (let round = 0; round < ROUNDS_PER_SESSION && !isOver && !signal.aborted; round++) {
    if (prng.chance(CONVERSATION_SHARE)) await converse(session, front, components).catch((error: unknown) => note(error, tally));
    else await callAlone(session, front, components);
  }
}

/** One call on a stream of its own. */
async function callAlone(session: Session, front: Front, components: AttackComponents, forms?: readonly Form[]): Promise<Outcome> {
  const { prng, tally, vocabulary, clock } = components;
  const target = pickTarget(front, components);
  const call = makeCall(target, prng, vocabulary, forms);
  const outcome = await exchange(session, call, clock);
  judgeCall(front, { target, call, frames: call.frames }, outcome, tally);
  return outcome;
}

/** Many calls on one stream. If they break it, the session must still answer. */
async function converse(session: Session, front: Front, components: AttackComponents): Promise<void> {
  const { tally, clock } = components;
  const conversation = makeConversation(sourceOf(front, components));
  tally.sharedStreams++;
  const held = await hold(session, conversation, clock);
  judgeHeld(front, conversation.form, held, tally);
  if (conversation.breach === null) return;
  const { kind } = await callAlone(session, front, components, ['sound']);
  if (kind === 'ended') judgeHeld(front, conversation.form, { ...held, outcomes: [], faults: ['the next call has ended'] }, tally);
}

/** Calls on one shared stream more than the session may have. */
async function crowd(session: Session, front: Front, components: AttackComponents): Promise<void> {
  const { tally, clock } = components;
  const source = sourceOf(front, components);
  const turns = Array.from({ length: SHARED_STREAMS_MAX + 1 }, () => makeConversation(source, 'sound').turns[0] as Turn);
  tally.sharedStreams += turns.length;
  judgeHeld(front, 'a crowd', await holdTogether(session, turns, clock), tally);
}

function sourceOf(front: Front, components: AttackComponents): CallSource {
  return { ...components, pickTarget: () => pickTarget(front, components) };
}

function pickTarget({ kind }: Front, { prng, targets }: AttackComponents): Target {
  const served = targets.filter(({ method }) => isServed(method, kind));
  return prng.pick(served.length > 0 && prng.chance(SERVED_SHARE) ? served : targets);
}

async function litter({ address, expect, identity }: Front, components: AttackComponents): Promise<void> {
  const { carrier, prng, tally, verifier, crypto, clock, entropy } = components;
  const peer = { carrier, address, prng, signal: AbortSignal.timeout(HANDSHAKE_MS_MAX) };
  if (prng.chance(0.5)) {
    tally.garbageConnections++;
    return sendHandshakeGarbage(peer);
  }
  tally.garbageSessions++;
  tally.code(await sendSessionGarbage(peer, { identity, expect, verifier, crypto, clock, entropy }));
}

function note(error: unknown, tally: Tally): void {
  if (error instanceof CodedError) tally.code(error.code);
  else if (!(error instanceof DOMException)) tally.violate(`the attacker failed: ${String(error)}`);
}
