import type { Clock } from '../clock.ts';
import type { IdentityVerifier, PeerIdentity } from './identity.ts';
import { type CodedError, stoqError } from '../errors.ts';

// Timers of the runtime end at 2^31 milliseconds; an identity may last longer.
const TIMER_MS_MAX = 86_400_000;

export interface VigilParts {
  readonly clock: Clock;
  readonly verifier: IdentityVerifier;
  readonly peer: PeerIdentity;
  readonly pingIntervalMs: number;
  readonly idleTimeoutMs: number;
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
  #heardAt: number;
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

  heard(): void {
    this.#heardAt = this.#parts.clock.monotonic();
  }

  stop(): void {
    this.#stopped = true;
    this.#unsubscribe();
    this.#cancelTick();
    this.#cancelExpiry();
  }

  #scheduleTick(): void {
    const { clock, pingIntervalMs } = this.#parts;
    const dueAt = clock.monotonic() + pingIntervalMs;
    this.#cancelTick = clock.after(pingIntervalMs, () => {
      const now = clock.monotonic();
      // This process was held up itself: what the peer sent meanwhile is still to be read.
      if (now - dueAt >= pingIntervalMs) this.#heardAt = Math.max(this.#heardAt, now - pingIntervalMs);
      const silentMs = now - this.#heardAt;
      if (silentMs >= this.#parts.idleTimeoutMs) {
        this.#end(stoqError('stoq.session_idle', { silentMs: Math.round(silentMs) }));
        return;
      }
      if (silentMs >= pingIntervalMs) this.#parts.ping();
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
