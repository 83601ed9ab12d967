import { awaitWithPatience } from '../carrier/patience.ts';
import { type Clock, pause } from '../clock.ts';
import { equalBytes } from '../crypto/bytes.ts';
import type { Entropy } from '../crypto/entropy.ts';
import type { SessionLease } from '../rpc/session-source.ts';
import { stoqError } from '../errors.ts';
import type { Session } from '../session/session.ts';
import { backOffMs } from './back-off.ts';
import type { PeerTarget } from './host.ts';
import { settledWithin } from './time-limit.ts';

/** What the pool of one host gives to each of its peers. */
export interface PoolScope {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly idleMsMax: number;
  readonly ageMsMax: number;
  /** Aborted when the pool closes. */
  readonly signal: AbortSignal;
  dial(target: PeerTarget, signal: AbortSignal): Promise<Session>;
  /** The identity that a dial of the target would show now; undefined while there is none of that kind. */
  shown(target: PeerTarget): Uint8Array | undefined;
  /** Told of each new session; `busy` is to be called around each call that the peer makes on it. */
  opened(session: Session, busy: (change: 1 | -1) => void): void;
}

interface PooledSession {
  readonly session: Session;
  /** The own identity that the peer has seen. */
  readonly shown: Uint8Array | undefined;
  readonly openedAtMs: number;
  /** Calls under way, of either side. */
  calls: number;
  usedAtMs: number;
  /** Not lent again; closed after its last call. */
  retired: boolean;
  cancelCheck: () => void;
}

// A dial that lives has heard of the peer by then: QUIC repeats what nobody answered after a second for the first time
// (RFC 9002, section 6.2.2), and twice as late each time after that.
export const DIAL_UNANSWERED_MS: number = 1_000;
// A retired session has no calls: the grace is for the acknowledgement of the last bytes.
const CLOSE_GRACE_MS = 5_000;

/** The one session to a peer: dialled when needed, shared by all calls, replaced when it ends, grows old or shows an old identity. */
export class PooledPeer {
  readonly #scope: PoolScope;
  readonly #sessions = new Set<PooledSession>();
  #current: PooledSession | undefined;
  #dialling: Promise<PooledSession> | undefined;
  /** Ends the attempt under way, for another one. */
  #supersede: ((reason: Error) => void) | undefined;
  /** When the attempt under way began, unless it waits for the end of the back-off. */
  #attemptedAtMs: number | undefined;
  #failures = 0;
  #notBeforeMs = 0;

  constructor(scope: PoolScope) {
    this.#scope = scope;
  }

  /** Nothing is open, and the next call would dial at once. */
  get dispensable(): boolean {
    return this.#sessions.size === 0 && this.#dialling === undefined && this.#scope.clock.monotonic() >= this.#notBeforeMs;
  }

  async acquire(target: PeerTarget, signal: AbortSignal): Promise<SessionLease> {
    if (this.#scope.signal.aborted) throw this.#scope.signal.reason as Error;
    if (this.#current !== undefined && this.#isUnfit(this.#current, target)) this.#retire(this.#current);
    if (this.#current !== undefined) return this.#lend(this.#current);
    if (this.#dialling === undefined) {
      this.#dialling = this.#dial(target).finally(() => (this.#dialling = undefined));
      this.#dialling.catch(() => {}); // callers may have left
    }
    return this.#lend(await awaitWithPatience(this.#dialling, { signal, discard: () => {} }));
  }

  discard(session: Session): void {
    if (this.#current?.session === session) this.#retire(this.#current);
  }

  /** The peer has just proved its identity here: what its silence taught holds no longer. A dial that it never answered begins anew. */
  heard(): void {
    const { clock } = this.#scope;
    this.#failures = 0;
    this.#notBeforeMs = 0;
    const isLively = this.#attemptedAtMs !== undefined && clock.monotonic() - this.#attemptedAtMs < DIAL_UNANSWERED_MS;
    if (!isLively) this.#supersede?.(stoqError('stoq.carrier_timeout', { timeoutMs: DIAL_UNANSWERED_MS }));
  }

  /** Closes all sessions to the peer once their calls are over, at the latest after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    await this.#dialling?.catch(() => {});
    await Promise.all(
      [...this.#sessions].map(async (pooled) => {
        this.#retire(pooled);
        if (!(await settledWithin(this.#scope.clock, graceMs, pooled.session.ended))) await pooled.session.close({ graceMs: 0 });
      }),
    );
  }

  #lend(pooled: PooledSession): SessionLease {
    this.#busy(pooled, 1);
    let released = false;
    return {
      session: pooled.session,
      release: () => {
        if (released) return;
        released = true;
        this.#busy(pooled, -1);
      },
    };
  }

  async #dial(target: PeerTarget): Promise<PooledSession> {
    const { clock, entropy, signal } = this.#scope;
    for (;;) {
      const superseded = new AbortController();
      this.#supersede = (reason) => superseded.abort(reason);
      try {
        return await this.#attempt(target, AbortSignal.any([signal, superseded.signal]));
      } catch (error) {
        if (superseded.signal.aborted) continue;
        this.#failures += 1;
        this.#notBeforeMs = clock.monotonic() + backOffMs(this.#failures, entropy);
        throw error;
      } finally {
        this.#supersede = undefined;
        this.#attemptedAtMs = undefined;
      }
    }
  }

  async #attempt(target: PeerTarget, signal: AbortSignal): Promise<PooledSession> {
    const { clock } = this.#scope;
    const waitMs = this.#notBeforeMs - clock.monotonic();
    if (waitMs > 0) await pause(clock, waitMs, signal);
    signal.throwIfAborted();
    this.#attemptedAtMs = clock.monotonic();
    // Read before the dial: an identity that is replaced meanwhile outdates the session.
    const shown = this.#scope.shown(target);
    const session = await this.#scope.dial(target, signal);
    this.#failures = 0;
    this.#endSilent();
    return this.#adopt(session, shown);
  }

  #adopt(session: Session, shown: Uint8Array | undefined): PooledSession {
    const now = this.#scope.clock.monotonic();
    const pooled: PooledSession = {
      session,
      shown,
      openedAtMs: now,
      calls: 0,
      usedAtMs: now,
      retired: false,
      cancelCheck: () => {},
    };
    this.#sessions.add(pooled);
    this.#current = pooled;
    this.#scope.opened(session, (change) => this.#busy(pooled, change));
    void session.ended.then(() => {
      pooled.cancelCheck();
      this.#sessions.delete(pooled);
      if (this.#current === pooled) this.#current = undefined;
    });
    this.#check(pooled);
    return pooled;
  }

  #busy(pooled: PooledSession, change: 1 | -1): void {
    pooled.calls += change;
    pooled.usedAtMs = this.#scope.clock.monotonic();
    if (pooled.retired && pooled.calls === 0) void pooled.session.close({ graceMs: CLOSE_GRACE_MS });
  }

  #retire(pooled: PooledSession): void {
    if (this.#current === pooled) this.#current = undefined;
    pooled.cancelCheck();
    pooled.retired = true;
    if (pooled.calls === 0) void pooled.session.close({ graceMs: CLOSE_GRACE_MS });
  }

  /** The peer answers a new session: those on which it is still silent are dead, and their calls need not wait for that to show. */
  #endSilent(): void {
    for (const { session } of this.#sessions) if (session.isUnresponsive) session.abort(stoqError('stoq.session_idle'));
  }

  /** A peer judges a session by the identity that it has seen: what a renewed one may do needs another session. */
  #isUnfit({ session, shown }: PooledSession, target: PeerTarget): boolean {
    if (session.isUnresponsive) return true;
    const now = this.#scope.shown(target);
    return now !== undefined && shown !== now && (shown === undefined || !equalBytes(shown, now));
  }

  /** Looks again when the session may have become idle or old, so that calls need no timers of their own. */
  #check(pooled: PooledSession): void {
    const { clock, idleMsMax, ageMsMax } = this.#scope;
    const now = clock.monotonic();
    const idleAtMs = (pooled.calls > 0 ? now : pooled.usedAtMs) + idleMsMax;
    const nextMs = Math.min(idleAtMs, pooled.openedAtMs + ageMsMax) - now;
    if (nextMs <= 0) return this.#retire(pooled);
    pooled.cancelCheck = clock.after(nextMs, () => this.#check(pooled));
  }
}
