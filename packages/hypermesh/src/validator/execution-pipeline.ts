import type { ChainBlock } from '../consensus/block.ts';
import { hypermeshError } from '../errors.ts';
import type { ExecutedBlock, Executor } from '../executor/executor.ts';
import type { DecodedBatch } from '../transaction/decoded-batch.ts';
import type { BlockStore, FinalBlocks } from './block-store.ts';

export interface ExecutionPipelineComponents {
  readonly blocks: BlockStore;
  readonly executor: Executor;
  /** The batch, fetched from peers if need be; rejects only when the signal aborts. */
  readonly load: (digest: Uint8Array, signal: AbortSignal) => Promise<DecodedBatch>;
  /** The blocks are durable. */
  readonly stored: (final: FinalBlocks) => void;
  readonly executed: (block: ChainBlock, result: ExecutedBlock) => void;
  /** The pipeline has stopped for good. */
  readonly failed: (error: unknown) => void;
}

/** Takes committed blocks to disk and through the executor, in order, apart from consensus. */
export class ExecutionPipeline {
  readonly #components: ExecutionPipelineComponents;
  readonly #queue: FinalBlocks[] = [];
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;

  constructor(components: ExecutionPipelineComponents) {
    this.#components = components;
  }

  /** Begins with what was committed before the last stop and not executed, or not written when the machine lost power. */
  start(committedHeight: number): void {
    this.#running = this.#run(() => this.#replay(committedHeight));
  }

  push(final: FinalBlocks): void {
    if (this.#stopping.signal.aborted) return;
    this.#queue.push(final);
    if (!this.#isRunning) this.#running = this.#run();
  }

  /** Lets the block under way finish. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(first?: () => Promise<void>): Promise<void> {
    this.#isRunning = true;
    try {
      await first?.();
      for (let final = this.#queue.shift(); final !== undefined; final = this.#queue.shift()) await this.#take(final);
    } catch (error) {
      const wasStopping = this.#stopping.signal.aborted;
      this.#stopping.abort();
      if (!wasStopping) this.#components.failed(error);
    }
    this.#isRunning = false;
  }

  async #replay(height: number): Promise<void> {
    const { executor, blocks } = this.#components;
    if (executor.height > height) throw hypermeshError('hypermesh.state_corrupt', { executed: executor.height, committed: height });
    while (executor.height < height && !this.#stopping.signal.aborted) {
      const block = await blocks.block(executor.height + 1);
      if (block === undefined) throw hypermeshError('hypermesh.state_corrupt', { missing: 'block', height: executor.height + 1 });
      await this.#execute(block);
    }
  }

  async #take(final: FinalBlocks): Promise<void> {
    await this.#components.blocks.putFinal(final);
    this.#components.stored(final);
    for (const block of final.blocks) {
      if (this.#stopping.signal.aborted) return;
      await this.#execute(block);
    }
  }

  async #execute(block: ChainBlock): Promise<void> {
    const { executor, load } = this.#components;
    const { signal } = this.#stopping;
    const batches = await Promise.all(block.block.batches.map((digest) => load(digest, signal)));
    const { height, id } = block;
    const result = await executor.execute({ height, id, time: block.block.time, batches });
    this.#components.executed(block, result);
  }
}
