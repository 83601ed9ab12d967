import {
  type Block,
  type ChainBlock,
  type Consensus,
  type ConsensusEffect,
  type ConsensusEvent,
  type ConsensusMessage,
  FETCHED_BLOCKS_MAX,
  type QuorumCertificate,
  votersOf,
} from '@hypermesh/mesh';
import { type Disk, hex } from './disk.ts';
import type { Mesh } from './mesh.ts';

/** One process of a validator: the real core in a shell of simulated disk, signer, executor and sessions. */
export class Validator {
  /** Number of the process; twins share a validator index. */
  readonly instance: number;
  readonly index: number;
  readonly disk: Disk;
  readonly #mesh: Mesh;
  #core: Consensus | null = null;
  /** Rises with each start: answers to an earlier life are lost. */
  #life = 0;
  #timer = 0;
  #committedHeight = 0;
  #isWriting = false;
  #isExecuting = false;
  #effects: ConsensusEffect[] = [];
  #toExecute: ToExecute[] = [];

  constructor(mesh: Mesh, instance: number, index: number, disk: Disk) {
    this.#mesh = mesh;
    this.instance = instance;
    this.index = index;
    this.disk = disk;
  }

  get core(): Consensus | null {
    return this.#core;
  }

  start(): void {
    if (this.#core !== null) return;
    const { disk } = this;
    this.#life++;
    this.#isWriting = false;
    this.#isExecuting = false;
    this.#effects = [];
    this.#toExecute = [];
    this.#committedHeight = disk.newest.block.height;
    this.#mesh.note(this, () => `starts at height ${this.#committedHeight}, ${disk.safety?.lastVotedRound ?? 0} voted`);
    this.#core = this.#mesh.createCore(this);
    this.handle({ kind: 'started' });
    for (const { block, rootOfRoots } of disk.committed.slice(-RECENT_ROOTS_MAX)) {
      this.handle({ kind: 'executed', height: block.height, rootOfRoots });
    }
    this.#announce([...disk.batches.values()]);
    this.#mesh.greet(this);
  }

  crash(): void {
    if (this.#core === null) return;
    this.#mesh.note(this, () => 'crashes');
    this.#core = null;
    this.#life++;
  }

  handle(event: ConsensusEvent): void {
    if (this.#core === null) return;
    if (event.kind === 'message') this.#mesh.note(this, () => `<- ${event.from} ${describe(event.message)}`);
    try {
      this.#effects.push(...this.#core.handle(event, this.#mesh.clockOf(this)));
    } catch (error) {
      this.#mesh.violate(`exception: ${event.kind}: ${String(error)}`);
      this.crash();
    }
    this.#perform();
  }

  /** Durable before it is announced to the core. */
  store(digests: readonly Uint8Array[]): void {
    this.#write(
      () => {
        for (const digest of digests) this.disk.batches.set(hex(digest), digest);
      },
      () => {
        this.#announce(digests);
        this.#execute();
      },
    );
  }

  /** Answers a peer's `fetch-blocks`. */
  chainTo(blockId: Uint8Array, afterHeight: number): readonly Block[] {
    const stored = this.disk.committed.slice(afterHeight + 1).map(({ block }) => block);
    const held = this.#core?.chainTo(blockId, this.#committedHeight) ?? [];
    const between = this.#toExecute.map(({ block }) => block);
    return [...stored, ...between, ...held]
      .filter(({ height }) => height > afterHeight)
      .slice(0, FETCHED_BLOCKS_MAX)
      .map(({ block }) => block);
  }

  #announce(digests: readonly Uint8Array[]): void {
    const ordered = digests.filter((digest) => this.disk.isOrdered(digest));
    const stored = digests.filter((digest) => !this.disk.isOrdered(digest));
    if (ordered.length > 0) this.handle({ kind: 'batches-ordered', digests: ordered });
    if (stored.length > 0) this.handle({ kind: 'batches-stored', digests: stored });
  }

  #perform(): void {
    while (!this.#isWriting && this.#core !== null) {
      const effect = this.#effects.shift();
      if (effect === undefined) return;
      this.#performOne(effect);
    }
  }

  #performOne(effect: ConsensusEffect): void {
    const mesh = this.#mesh;
    switch (effect.kind) {
      case 'persist':
        this.#isWriting = true;
        return this.#write(
          () => this.disk.persist(effect.safety, effect.block),
          () => {
            this.#isWriting = false;
            this.#perform();
          },
        );
      case 'sign':
        mesh.checkSignature(this, effect.request);
        return this.#later(mesh.signMs(), () =>
          this.handle({ kind: 'signed', request: effect.request, signature: mesh.sign(this, effect.message) }),
        );
      case 'send':
        return mesh.send(this, effect.to, effect.message);
      case 'set-timer': {
        const timer = ++this.#timer;
        return this.#later(effect.delayMs, () => {
          if (timer === this.#timer) this.handle({ kind: 'timer-expired', round: effect.round });
        });
      }
      case 'stop-timer':
        this.#timer++;
        return;
      case 'fetch-blocks':
        return this.#fetchBlocks(effect);
      case 'fetch-announced':
        return this.#fetchBatches(effect.digests, [effect.from]);
      case 'fetch-batches':
        return this.#fetchBatches(effect.digests, effect.from);
      case 'commit':
        return this.#commit(effect);
      case 'evidence':
      case 'alarm':
      case 'rejected':
      case 'stalled':
        return mesh.check(this, effect);
      case 'certified':
      case 'resumed':
        return mesh.note(this, () => effect.kind);
    }
  }

  #commit({ blocks, proof }: Extract<ConsensusEffect, { kind: 'commit' }>): void {
    for (const [index, block] of blocks.entries()) {
      this.#mesh.checkCommit(this, block, this.#committedHeight);
      this.#committedHeight = block.height;
      this.#toExecute.push({ block, qc: blocks[index + 1]?.block.parent ?? proof.child.parent });
    }
    this.#execute();
  }

  #execute(): void {
    const next = this.#toExecute[0];
    if (next === undefined || this.#isExecuting) return;
    const missing = next.block.block.batches.filter((digest) => !this.disk.batches.has(hex(digest)));
    if (missing.length > 0) return this.#fetchBatches(missing, votersOf(next.qc.bitmap, this.#mesh.validators.size) ?? []);
    this.#isExecuting = true;
    let rootOfRoots: Uint8Array;
    this.#write(
      () => ({ rootOfRoots } = this.disk.execute(next.block, next.qc)),
      () => {
        this.#isExecuting = false;
        this.#toExecute.shift();
        this.handle({ kind: 'executed', height: next.block.height, rootOfRoots });
        this.#execute();
      },
    );
  }

  #fetchBlocks({ blockId, afterHeight, from }: Extract<ConsensusEffect, { kind: 'fetch-blocks' }>): void {
    this.#mesh.request(this, from, (peer) => {
      const blocks = this.#mesh.servedChain(peer, blockId, afterHeight);
      return blocks.length === 0 ? null : () => this.handle({ kind: 'blocks', from: peer.index, blocks });
    });
  }

  #fetchBatches(digests: readonly Uint8Array[], from: readonly number[]): void {
    const isHere = (digest: Uint8Array): boolean => this.disk.batches.has(hex(digest));
    const held = digests.filter(isHere);
    if (held.length > 0) this.#later(0, () => this.#announce(held));
    const missing = digests.filter((digest) => !isHere(digest));
    if (missing.length === 0) return;
    for (const digest of missing) {
      this.#mesh.request(this, from, (peer) => {
        const isServed = this.#mesh.servesBatches(peer) && peer.disk.batches.has(hex(digest));
        return isServed ? () => this.store([digest]) : null;
      });
    }
    // The executor cannot go on without them, so it asks until somebody answers.
    if (this.#isBlockedBy(missing)) this.#later(REQUEST_REPEAT_MS, () => this.#execute());
  }

  #isBlockedBy(digests: readonly Uint8Array[]): boolean {
    const needed = this.#toExecute[0]?.block.block.batches.map(hex) ?? [];
    return digests.some((digest) => needed.includes(hex(digest)));
  }

  /** A write takes a while; the process may die just before or just after it is durable. */
  #write(write: () => void, then: () => void): void {
    this.#later(this.#mesh.writeMs(), () => {
      const isCrashing = this.#mesh.crashesAtWrite();
      if (!isCrashing || this.#mesh.isLateCrash()) write();
      if (isCrashing) this.#mesh.crash(this);
      else then();
    });
  }

  #later(delayMs: number, action: () => void): void {
    const life = this.#life;
    this.#mesh.after(delayMs, () => {
      if (life === this.#life) action();
    });
  }
}

interface ToExecute {
  readonly block: ChainBlock;
  /** Certifies the block. */
  readonly qc: QuorumCertificate;
}

const REQUEST_REPEAT_MS = 200;
// A voter compares heights that others state with what it executed before it stopped.
const RECENT_ROOTS_MAX = 256;

function describe(message: ConsensusMessage): string {
  switch (message.kind) {
    case 'proposal':
      return `proposal ${message.block.round} on ${message.block.parent.round}, ${message.block.batches.length} batches, executed ${message.block.executedHeight}`;
    case 'vote':
      return `vote ${message.vote.round} ${hex(message.vote.blockId).slice(0, 8)}`;
    case 'timeout':
      return `timeout ${message.round} with ${message.highQc.round}`;
    case 'certificates':
      return `certificates ${message.highQc.round}, ${message.tc?.round ?? 'no'} time-out`;
    case 'announcement':
      return `announcement of ${message.digests.length}`;
  }
}
