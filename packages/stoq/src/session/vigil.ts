import type { Clock } from '../clock.ts';
import type { IdentityVerifier, PeerIdentity } from './identity.ts';
import { type CodedError, stoqError } from '../errors.ts';
import type { SessionLimits } from './limits.ts';

// Timers of the runtime end at 2^31 milliseconds; an identity may last longer.
const TIMER_MS_MAX = 86_400_000;

export interface VigilParts {
  readonly clock: Clock;
  readonly verifier: IdentityVerifier;
  readonly peer: PeerIdentity;
  readonly limits: Pick<SessionLimits, 'pingIntervalMs' | 'idleTimeoutMs' | 'answerTimeoutMs'>;
  readonly ping: () => void;
  /** The session must end. */
  readonly onEnd: (error: CodedError) => void;
}

/** Watches over what may end a session from outside: silence, the end of the peer's identity, its revocation. */
export class Vigil {
  readonly #parts: VigilParts;
  readonly #unsubscribe: () => void;
  #cancelTick: () => void = () => {};
  #cancelExpiry: () => void = () => {};
  #cancelWatch: (() => void) | undefined;
  #heardAt: number;
  /** When the first of what was sent since the peer was last heard was sent. */
  #unansweredSince: number | undefined;
  #isUnresponsive = false;
  #stopped = false;

  constructor(parts: VigilParts) {
    this.#parts = parts;
    this.#heardAt = parts.clock.monotonic();
    this.#unsubscribe = parts.verifier.onChange(() => this.#judge());
  }

  /** Also judges what changed while the handshake was under way. */
  start(): void {
    this.#scheduleTick();
    this.#awaitExpiry();
    this.#judge();
  }

  /** For `answerTimeoutMs` nothing was heard of a peer to which something was sent. */
  get isUnresponsive(): boolean {
    return this.#isUnresponsive;
  }

  heard(): void {
    this.#heardAt = this.#parts.clock.monotonic();
    this.#unansweredSince = undefined;
    this.#isUnresponsive = false;
  }

  sent(): void {
    if (this.#unansweredSince !== undefined || this.#stopped) return;
    this.#unansweredSince = this.#parts.clock.monotonic();
    if (this.#cancelWatch === undefined) this.#watch(this.#parts.limits.answerTimeoutMs / 2);
  }

  stop(): void {
    this.#stopped = true;
    this.#unsubscribe();
    this.#cancelWatch?.();
    this.#cancelTick();
    this.#cancelExpiry();
  }

  /** Halfway through the time for an answer the peer is asked for one: what was sent may wait for a slow reader. */
  #watch(delayMs: number): void {
    const { clock, limits, ping } = this.#parts;
    const halfMs = limits.answerTimeoutMs / 2;
    const dueAt = clock.monotonic() + delayMs;
    this.#cancelWatch = clock.after(delayMs, () => {
      this.#cancelWatch = undefined;
      if (this.#unansweredSince === undefined) return;
      const now = clock.monotonic();
      // This process was held up itself: the answer may be there, unread.
      if (now - dueAt >= halfMs) this.#unansweredSince = now;
      const leftMs = this.#unansweredSince + limits.answerTimeoutMs - now;
      if (leftMs <= 0) {
        this.#isUnresponsive = true;
        return;
      }
      if (leftMs <= halfMs) ping();
      this.#watch(leftMs > halfMs ? leftMs - halfMs : leftMs);
    });
  }

  #scheduleTick(): void {
    const { clock, ping } = this.#parts;
    const { pingIntervalMs, idleTimeoutMs } = this.#parts.limits;
    const dueAt = clock.monotonic() + pingIntervalMs;
    this.#cancelTick = clock.after(pingIntervalMs, () => {
      const now = clock.monotonic();
      // This process was held up itself: what the peer sent meanwhile is still to be read.
      if (now - dueAt >= pingIntervalMs) this.#heardAt = Math.max(this.#heardAt, now - pingIntervalMs);
      const silentMs = now - this.#heardAt;
      if (silentMs >= idleTimeoutMs) {
        this.#end(stoqError('stoq.session_idle', { silentMs: Math.round(silentMs) }));
        return;
      }
      if (silentMs >= pingIntervalMs) {
        ping();
        this.sent();
      }
      this.#scheduleTick();
    });
  }

  #awaitExpiry(): void {
    const { clock, peer } = this.#parts;
    if (peer.notAfter === null || this.#stopped) return;
    const leftMs = peer.notAfter - clock.now();
    if (leftMs <= 0) {
      this.#end(stoqError('stoq.session_revoked', { reason: 'expired' }));
      return;
    }
    this.#cancelExpiry = clock.after(Math.min(leftMs, TIMER_MS_MAX), () => this.#awaitExpiry());
  }

  #judge(): void {
    if (this.#stopped || this.#parts.verifier.stillValid(this.#parts.peer)) return;
    this.#end(stoqError('stoq.session_revoked', { reason: 'revoked' }));
  }

  #end(error: CodedError): void {
    if (!this.#stopped) this.#parts.onEnd(error);
  }
}
