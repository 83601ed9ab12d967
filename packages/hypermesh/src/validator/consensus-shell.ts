import { type Clock, encode, type Signer } from '@hypermesh/stoq';
import type { Consensus } from '../consensus/consensus.ts';
import type { ConsensusEvent, ConsensusStatus } from '../consensus/events.ts';
import { type ConsensusMessage, consensusMessageCodec } from '../consensus/messages.ts';
import { EffectQueue, type OtherEffect } from './effect-queue.ts';
import type { PeerLink } from './peer-link.ts';
import type { SafetyLog } from './safety-log.ts';

type ShellEffect = Extract<OtherEffect, { kind: 'sign' | 'send' | 'set-timer' | 'stop-timer' }>;
/** What the rest of the validator does. */
export type OutwardEffect = Exclude<OtherEffect, ShellEffect>;

export interface ConsensusShellComponents {
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly voteSigner: Signer;
  readonly safety: SafetyLog;
  readonly links: readonly PeerLink[];
  readonly perform: (effect: OutwardEffect) => void;
  /** The disk, the vote key or the program failed: this validator says nothing more. */
  readonly failed: (error: unknown) => void;
}

/** Feeds the consensus core and does what it asks: disk before signature, signature before message, and the one timer. */
export class ConsensusShell {
  readonly #components: ConsensusShellComponents;
  readonly #effects: EffectQueue;
  readonly #events: ConsensusEvent[] = [];
  #isHandling = false;
  #stopped = false;
  #cancelTimer: () => void = () => {};

  constructor(components: ConsensusShellComponents) {
    this.#components = components;
    this.#effects = new EffectQueue({
      persist: ({ safety, block }) => components.safety.persist(safety, block),
      perform: (effect) => this.#perform(effect),
      failed: (error) => this.#fail(error),
    });
  }

  status(): ConsensusStatus {
    return this.#components.consensus.status();
  }

  dispatch(event: ConsensusEvent): void {
    if (this.#stopped) return;
    this.#events.push(event);
    if (this.#isHandling) return;
    this.#isHandling = true;
    const { consensus, clock } = this.#components;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        this.#effects.push(consensus.handle(next, clock.now()));
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isHandling = false;
    }
  }

  /** Nothing is signed or sent afterwards. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    this.#effects.close();
  }

  #perform(effect: OtherEffect): void {
    switch (effect.kind) {
      case 'sign':
        return void this.#sign(effect);
      case 'send':
        return this.#send(effect.to, effect.message);
      case 'set-timer':
        this.#cancelTimer();
        this.#cancelTimer = this.#components.clock.after(effect.delayMs, () =>
          this.dispatch({ kind: 'timer-expired', round: effect.round }),
        );
        return;
      case 'stop-timer':
        return this.#cancelTimer();
      default:
        return this.#components.perform(effect);
    }
  }

  async #sign({ request, message }: Extract<ShellEffect, { kind: 'sign' }>): Promise<void> {
    try {
      const signature = await this.#components.voteSigner.sign(message);
      this.dispatch({ kind: 'signed', request, signature });
    } catch (error) {
      this.#fail(error);
    }
  }

  #send(to: number | 'all', message: ConsensusMessage): void {
    const encoded = encode(consensusMessageCodec, message);
    for (const link of this.#components.links) if (to === 'all' || to === link.index) link.send(encoded);
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.stop();
    this.#components.failed(error);
  }
}
