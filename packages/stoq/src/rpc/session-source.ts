import type { Session } from '../session/session.ts';

/** A session lent for one call. */
export interface SessionLease {
  readonly session: Session;
  /** The call is over; idempotent. */
  release(): void;
}

/** Where a client's calls find their sessions. */
export interface SessionSource {
  acquire(options: { signal: AbortSignal }): Promise<SessionLease>;
  /** A call has seen that the session is dead: it is not lent again. */
  discard(session: Session): void;
}

/** One session for all calls, e.g. to call back the peer that opened it. */
export function singleSession(session: Session): SessionSource {
  return {
    acquire: async () => ({ session, release: () => {} }),
    discard: () => {},
  };
}
