import type { Signature } from '@hypermesh/stoq';
import type { TimeoutCertificate } from './certificate.ts';
import { ANNOUNCED_DIGESTS_MAX } from './constants.ts';
import type { Context } from './context.ts';
import type { SignRequest } from './events.ts';
import type { ConsensusMessage, SignedTimeout } from './messages.ts';
import { timeoutMessage } from './statements.ts';
import { TimeoutCollector } from './timeout-collector.ts';

/** Ends a round whose leader makes no progress: quadratic time-outs, repeated until a quorum agrees to move on. */
export class RoundChange {
  readonly #context: Context;
  readonly #timeouts: TimeoutCollector;
  /** Round of the timer that runs. */
  #timerRound: number | null = null;
  #givenUpRound = 0;
  #own: SignedTimeout | null = null;
  #isStalled = false;

  constructor(context: Context) {
    this.#context = context;
    this.#timeouts = new TimeoutCollector(context.config.validators);
  }

  /** Validators that gave no time-out in a round that has run out twice; empty when the mesh makes progress. */
  get silent(): readonly number[] {
    return this.#isStalled ? this.#timeouts.missing() : [];
  }

  /** The timer runs while there is work, from the start of the round or from the moment that work appears. */
  adjustTimer(): void {
    const { chain, pacemaker, emit } = this.#context;
    if (!chain.hasWork()) {
      if (this.#timerRound !== null) emit({ kind: 'stop-timer' });
      this.#timerRound = null;
    } else if (this.#timerRound !== pacemaker.round) {
      this.#timerRound = pacemaker.round;
      emit({ kind: 'set-timer', round: pacemaker.round, delayMs: pacemaker.timeoutMs(chain.highQc) });
    }
  }

  /** False for a timer that was replaced. */
  expire(round: number): boolean {
    const { pacemaker, emit } = this.#context;
    if (this.#timerRound !== round || round !== pacemaker.round) return false;
    this.#timerRound = null;
    pacemaker.expire();
    if (this.#givenUpRound === round) {
      this.#isStalled = true;
      emit({ kind: 'stalled', round, silent: this.silent });
    }
    this.giveUp();
    this.#announce('all');
    return true;
  }

  /** Signs the time-out of the round, or sends it again. */
  giveUp(): void {
    const { config, chain, pacemaker, safety, emit } = this.#context;
    const { round } = pacemaker;
    if (this.#own !== null) return this.#send('all');
    if (this.#givenUpRound === round) return;
    this.#givenUpRound = round;
    const { highQc } = chain;
    const tc = pacemaker.justification(highQc);
    emit({ kind: 'persist', safety: safety.giveUp(round, highQc, tc), block: null });
    const timeout = { meshId: config.meshId, epoch: config.epoch, round, highQcRound: highQc.round };
    emit({ kind: 'sign', request: { kind: 'timeout', timeout, highQc, tc }, message: timeoutMessage(timeout) });
  }

  signed(request: Extract<SignRequest, { kind: 'timeout' }>, signature: Signature): TimeoutCertificate | null {
    const { round } = request.timeout;
    if (round !== this.#context.pacemaker.round) return null;
    this.#own = { round, highQc: request.highQc, tc: request.tc, voter: this.#context.config.self, signature };
    this.#send('all');
    this.#timeouts.add(this.#own);
    return this.#timeouts.certificate();
  }

  /** Takes a verified time-out of the current round. */
  add(timeout: SignedTimeout): TimeoutCertificate | null {
    const { config, pacemaker } = this.#context;
    this.#timeouts.add(timeout);
    // One of f + 1 is honest: joining it cannot be forced by faulty validators alone.
    if (this.#timeouts.count > config.validators.faultyMax && this.#givenUpRound !== pacemaker.round) this.giveUp();
    return this.#timeouts.certificate();
  }

  enterRound(): void {
    const { pacemaker, emit } = this.#context;
    this.#timeouts.clear();
    this.#own = null;
    if (!this.#isStalled) return;
    this.#isStalled = false;
    emit({ kind: 'resumed', round: pacemaker.round });
  }

  greet(peer: number): void {
    this.#send(peer);
    this.#announce(peer);
  }

  #send(to: number | 'all'): void {
    if (this.#own === null) return;
    const message: ConsensusMessage = { kind: 'timeout', ...this.#own };
    this.#context.emit({ kind: 'send', to, message });
  }

  #announce(to: number | 'all'): void {
    const digests = this.#context.chain.pending.next(ANNOUNCED_DIGESTS_MAX, []);
    if (digests.length > 0) this.#context.emit({ kind: 'send', to, message: { kind: 'announcement', digests } });
  }
}
