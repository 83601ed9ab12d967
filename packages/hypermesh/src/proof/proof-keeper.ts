import type { Clock } from '@hypermesh/stoq';
import type { MeshSource, SubmitOperations } from '../agent/mesh-source.ts';
import { readNode } from '../mesh-machine/node.ts';
import { readVerdict } from '../mesh-machine/verdict.ts';
import { readWindow } from '../mesh-machine/window.ts';
import { statementDigest } from './answer.ts';
import { proveWindow, type ProverComponents } from './prover.ts';
import type { ProvenanceChain } from './provenance.ts';

// Wait after a window that could not be proven, doubled each time up to the maximum.
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 10_000;

// From the challenge to the ordered verdict.
const WINDOW_WORK_MS_MAX = 30_000;

export interface ProofKeeperComponents extends Omit<ProverComponents, 'state'> {
  readonly source: MeshSource;
  readonly submit: SubmitOperations;
  readonly provenance: ProvenanceChain;
  /** Told why a window was not proven yet; it is tried again. */
  readonly onFailure: (error: unknown) => void;
}

/** Earns this node a verdict in each challenge window and keeps its provenance chain. */
export interface ProofKeeper {
  start(): void;
  stop(): Promise<void>;
}

export function createProofKeeper(components: ProofKeeperComponents): ProofKeeper {
  return new WindowProofKeeper(components);
}

class WindowProofKeeper implements ProofKeeper {
  readonly #components: ProofKeeperComponents;
  readonly #stopped = new AbortController();
  #working: Promise<void> | undefined;
  #failures = 0;
  #waiting = false;
  #cancelRetry: () => void = () => undefined;
  #unsubscribe: () => void = () => undefined;

  constructor(components: ProofKeeperComponents) {
    this.#components = components;
  }

  start(): void {
    this.#unsubscribe = this.#components.source.onChange(() => this.#look());
    this.#look();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#unsubscribe();
    this.#cancelRetry();
    await this.#working;
  }

  /** A failure is answered by its own retry, not by every block. */
  #look(): void {
    if (this.#stopped.signal.aborted || this.#waiting || !this.#isDue()) return;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  #isDue(): boolean {
    const { source, node } = this.#components;
    const state = source.state();
    const window = readWindow(state);
    return window !== undefined && readNode(state, node) !== undefined && (readVerdict(state, node)?.window ?? 0) < window.number;
  }

  async #work(): Promise<void> {
    const { source, submit, provenance, clock, onFailure } = this.#components;
    try {
      const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(WINDOW_WORK_MS_MAX)]);
      const verdict = await proveWindow({ ...this.#components, state: () => source.state() }, signal);
      await submit([verdict], signal);
      this.#failures = 0;
      await provenance.append('verdict', statementDigest(verdict.statement), clock.now());
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      onFailure(error);
      this.#retryLater(clock);
    }
  }

  #retryLater(clock: Clock): void {
    const waitMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(this.#failures, 16));
    this.#failures += 1;
    this.#waiting = true;
    this.#cancelRetry = clock.after(waitMs, () => {
      this.#waiting = false;
      this.#look();
    });
  }
}
