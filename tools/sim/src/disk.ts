import { type ChainBlock, genesisCertificate, type QuorumCertificate, type RestoredConsensus, type SafetyState } from '@hypermesh/mesh';
import { hashLabelled } from '@hypermesh/stoq';

/** What survives a crash: whole writes only. */
export class Disk {
  readonly batches: Map<string, Uint8Array> = new Map();
  /** By height. */
  readonly committed: CommittedBlock[];
  readonly #ordered = new Set<string>();
  readonly #blocks = new Map<string, ChainBlock>();
  #safety: SafetyState | null = null;

  constructor(genesis: ChainBlock) {
    this.committed = [{ block: genesis, qc: genesisCertificate(genesis), rootOfRoots: genesis.block.rootOfRoots }];
  }

  get newest(): CommittedBlock {
    return this.committed.at(-1) as CommittedBlock;
  }

  get safety(): SafetyState | null {
    return this.#safety;
  }

  persist(safety: SafetyState, block: ChainBlock | null): void {
    this.#safety = safety;
    if (block !== null) this.#blocks.set(hex(block.id), block);
  }

  /** State and block of the next height in one write, as an executor does it. */
  execute(block: ChainBlock, qc: QuorumCertificate): CommittedBlock {
    const rootOfRoots = nextRoot(this.newest.rootOfRoots, block);
    const executed = { block, qc, rootOfRoots };
    this.committed.push(executed);
    for (const digest of block.block.batches) this.#ordered.add(hex(digest));
    for (const [key, { height }] of this.#blocks) if (height <= block.height) this.#blocks.delete(key);
    return executed;
  }

  restore(): RestoredConsensus {
    const { block, qc } = this.newest;
    return { safety: this.#safety, committed: block, committedQc: qc, uncommitted: [...this.#blocks.values()] };
  }

  isOrdered(digest: Uint8Array): boolean {
    return this.#ordered.has(hex(digest));
  }
}

export interface CommittedBlock {
  readonly block: ChainBlock;
  readonly qc: QuorumCertificate;
  readonly rootOfRoots: Uint8Array;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

function nextRoot(before: Uint8Array, { id }: ChainBlock): Uint8Array {
  return hashLabelled('hypermesh/simulated-root/1', Buffer.concat([before, id]));
}
