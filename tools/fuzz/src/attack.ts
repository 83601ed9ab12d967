import type { DaemonKind } from '@hypermesh/devnet';
import {
  type Address,
  type Carrier,
  CodedError,
  connectSession,
  type ConnectOptions,
  type IdentityKind,
  type LocalIdentity,
  type Session,
  stoqError,
} from '@hypermesh/stoq';
import { type Prng, sendHandshakeGarbage, sendSessionGarbage } from '@hypermesh/testkit';
import { exchange, isTyped, type Outcome } from './answer.ts';
import { SERVED_BY, type Target } from './contracts.ts';
import { type Call, makeCall } from './frames.ts';
import type { Vocabulary } from './sample.ts';
import type { Tally } from './tally.ts';

/** One daemon and one identity under which it is attacked. */
export interface Front {
  readonly daemon: string;
  readonly kind: DaemonKind;
  readonly address: Address;
  /** What the daemon is asked to show. */
  readonly expect: IdentityKind;
  readonly identity: LocalIdentity;
}

export interface AttackComponents extends Pick<ConnectOptions, 'verifier' | 'crypto' | 'clock' | 'entropy'> {
  readonly carrier: Carrier;
  readonly targets: readonly Target[];
  readonly vocabulary: Vocabulary;
  readonly prng: Prng;
  readonly tally: Tally;
  readonly signal: AbortSignal;
}

const CALLS_AT_ONCE = 4;
const CALLS_PER_SESSION = 64;
const SERVED_SHARE = 0.85;
const HANDSHAKE_MS_MAX = 10_000;
// A daemon that refuses a handshake for its rate, or because it takes no such identity, is asked again after this.
const PAUSE_MS = 500;
const SHOWN_BYTES_MAX = 200;
// Contracts between validators.
const INNER: readonly string[] = ['consensus', 'witness', 'issuance-policy'];

/** Attacks one front until the signal aborts: sessions full of calls, and between them garbage below RPC. */
export async function attack(front: Front, components: AttackComponents): Promise<void> {
  const { prng, tally, signal } = components;
  while (!signal.aborted) {
    const session = await openSession(front, components);
    if (session === null) {
      await pause(PAUSE_MS, signal);
    } else {
      await Promise.all(Array.from({ length: CALLS_AT_ONCE }, () => callRepeatedly(session, front, components)));
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

async function callRepeatedly(session: Session, front: Front, components: AttackComponents): Promise<void> {
  const { prng, tally, signal, vocabulary } = components;
  let isOver = false;
  void session.ended.then(() => (isOver = true));
  for (let calls = 0; calls < CALLS_PER_SESSION && !isOver && !signal.aborted; calls++) {
    const target = pickTarget(front, components);
    const call = makeCall(target, prng, vocabulary);
    const outcome = await exchange(session, call);
    tally.add(target.method, outcome);
    const fault = faultOf(front, target, call, outcome);
    if (fault !== null)
      tally.violate(`${front.daemon} as ${front.identity.kind}, ${target.method}, ${call.form}: ${fault}; ${shown(call)}`);
  }
}

function pickTarget({ kind }: Front, { prng, targets }: AttackComponents): Target {
  const served = targets.filter(({ method }) => isServed(method, kind));
  return prng.pick(served.length > 0 && prng.chance(SERVED_SHARE) ? served : targets);
}

export function isServed(method: string, kind: DaemonKind): boolean {
  return (SERVED_BY[contractOf(method)] ?? []).includes(kind);
}

/** What is wrong with the outcome, if anything. */
export function faultOf(
  { kind, identity }: Pick<Front, 'kind' | 'identity'>,
  { method }: Target,
  { form }: Call,
  outcome: Outcome,
): string | null {
  const isCallIntact = form === 'sound';
  if (outcome.kind === 'nothing') return form === 'mutated header' || form === 'mutated frames' ? null : 'no answer';
  if (outcome.kind === 'error' && !isTyped(outcome.code)) return `an error without a type: ${outcome.code}`;
  if (outcome.kind === 'error' && isCallIntact && outcome.code === 'stoq.rpc_unknown_method' && isServed(method, kind)) return 'not served';
  if (outcome.kind === 'value' && isCallIntact && INNER.includes(contractOf(method)) && identity.kind !== 'set-entry') return 'not refused';
  return null;
}

function contractOf(method: string): string {
  return method.slice(0, method.indexOf('/'));
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

function shown({ bytes }: Call): string {
  const hex = Buffer.from(bytes.subarray(0, SHOWN_BYTES_MAX)).toString('hex');
  return bytes.length > SHOWN_BYTES_MAX ? `${hex}... (${bytes.length} bytes)` : hex;
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener('abort', done);
  });
}
