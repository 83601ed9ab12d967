import { strict as assert } from 'node:assert';
import type { Address, Carrier } from '../carrier/carrier.ts';
import type { Clock } from '../clock.ts';
import { CodedError, stoqError } from '../errors.ts';
import { type Attempt, raceAttempts } from '../race-attempts.ts';
import type { IdentityKind, LocalIdentity } from '../session/identity.ts';
import type { ConnectOptions, Session } from '../session/session.ts';
import type { PeerTarget } from './host.ts';

// RFC 8305, section 5: what a healthy path answers within.
export const HEAD_START_MS: number = 250;
// All addresses of a peer together; a handshake alone may take 10 s.
export const DIAL_MS_MAX: number = 20_000;

export interface DialerComponents {
  readonly clock: Clock;
  readonly carriers: readonly Carrier[];
  readonly identities: () => readonly LocalIdentity[];
  /** The handshake as client on a new connection; closes the connection when it fails. */
  readonly handshake: (options: ClientHandshake) => Promise<Session>;
}

export type ClientHandshake = Pick<ConnectOptions, 'connection' | 'identity' | 'expect' | 'expectId' | 'signal'>;

export type Dial = (target: PeerTarget, signal: AbortSignal) => Promise<Session>;

/**
 * Opens a session to whichever address of a peer first proves the wanted identity. A carrier refuses an address that is not
 * its own at once, so every carrier is asked for every address, in their order.
 */
export function createDialer(components: DialerComponents): Dial {
  const { clock, carriers } = components;
  assert(carriers.length > 0, 'a host has a carrier');
  return async (target, signal) => {
    const identity = identityFor(components.identities(), target.as ?? target.expect);
    const attempts = target.addresses.flatMap((address) =>
      carriers.map(
        (carrier): Attempt<Session> =>
          (attempting) =>
            attempt(components, { carrier, address, target, identity, signal: attempting }),
      ),
    );
    return withinDeadline(clock, signal, (limited) =>
      raceAttempts(attempts, {
        timer: clock,
        headStartMs: HEAD_START_MS,
        signal: limited,
        discard: (late) => late.abort(stoqError('stoq.session_closed', { reason: 'another address was faster' })),
        failure: (errors) => mostTelling(errors) ?? stoqError('stoq.carrier_address', { reason: 'the peer has no address' }),
      }),
    );
  };
}

interface AttemptOptions {
  readonly carrier: Carrier;
  readonly address: Address;
  readonly target: PeerTarget;
  readonly identity: LocalIdentity;
  readonly signal: AbortSignal;
}

async function attempt(components: DialerComponents, { carrier, address, target, identity, signal }: AttemptOptions): Promise<Session> {
  const { expect, id } = target;
  const connection = await carrier.dial(address, { signal });
  return components.handshake({ connection, identity, expect, signal, ...(id === undefined ? {} : { expectId: id }) });
}

/** The identity of that kind; throws `stoq.identity_refused` if this host has none (yet). */
function identityFor(identities: readonly LocalIdentity[], kind: IdentityKind): LocalIdentity {
  const identity = identities.find((candidate) => candidate.kind === kind);
  if (identity === undefined) throw stoqError('stoq.identity_refused', { reason: 'this host has no identity of that kind', kind });
  return identity;
}

async function withinDeadline<T>(clock: Clock, signal: AbortSignal, run: (limited: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const forward = (): void => limit.abort(signal.reason);
  if (signal.aborted) forward();
  signal.addEventListener('abort', forward, { once: true });
  const cancel = clock.after(DIAL_MS_MAX, () => limit.abort(stoqError('stoq.carrier_timeout', { timeoutMs: DIAL_MS_MAX })));
  try {
    return await run(limit.signal);
  } finally {
    cancel();
    signal.removeEventListener('abort', forward);
  }
}

/** A peer that answered says more than an address that did not, and that more than a carrier that does not know the address. */
function mostTelling(errors: readonly unknown[]): unknown {
  const rank = (error: unknown): number => {
    if (!(error instanceof CodedError)) return 3;
    if (error.code === 'stoq.carrier_address') return 0;
    return error.code.startsWith('stoq.carrier_') ? 1 : 2;
  };
  return errors.reduce((best, error) => (best === undefined || rank(error) > rank(best) ? error : best), undefined);
}
