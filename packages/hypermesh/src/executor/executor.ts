import { strict as assert } from 'node:assert';
import { decode, encode, equalBytes, HASH_BYTES } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { GenesisInput, Machine, StateReader } from '../machine/machine.ts';
import { AppendOnlyTree, proveInclusion } from '../state/append-only-tree.ts';
import { MachineState, type PreparedState } from '../state/machine-state.ts';
import { Overlay } from '../state/overlay.ts';
import { rootOfRoots, type StateRoots } from '../state/root-of-roots.ts';
import { rootHash, type StateChange } from '../state/sparse-tree.ts';
import type { Checkpoint, StateCommit, StateStore } from '../state/state-store.ts';
import { type Receipt, receiptCodec, receiptHash, type ReceiptProof } from '../transaction/receipt.ts';
import type { SignatureVerifier } from '../transaction/signature-verifier.ts';
import type { DecodedTransaction } from '../transaction/transaction.ts';
import { type AccountRules, AccountView } from './accounts.ts';
import { type BlockResult, type MachineSlot, type OrderedBlock, runBlock } from './block-run.ts';
import { sequenceIn } from './sequences.ts';

export interface ExecutorComponents {
  /** In the order of genesis. */
  readonly machines: readonly Machine[];
  readonly genesis: GenesisInput;
  readonly accounts: AccountRules;
  readonly signatures: SignatureVerifier;
  readonly store: StateStore;
}

export interface ExecutedBlock {
  readonly height: number;
  readonly root: Uint8Array;
  readonly time: number;
  readonly receipts: readonly Receipt[];
  /** The transactions of the receipts, in the same order. */
  readonly executed: readonly DecodedTransaction[];
  readonly voided: readonly DecodedTransaction[];
}

/** Executes committed blocks in order, once each, and answers from the state after the last one. */
export interface Executor {
  readonly height: number;
  /** Root of roots after that height. */
  readonly root: Uint8Array;
  /** Id of the block at that height; zeroes at genesis. */
  readonly blockId: Uint8Array;
  /** Agreed time of that block, milliseconds since the epoch; 0 at genesis. */
  readonly time: number;
  /** Root of roots after an earlier height. */
  rootAt(height: number): Promise<Uint8Array>;
  /** The next height, one call at a time. Throws `hypermesh.machine_halted`; nothing of the block is kept then. */
  execute(block: OrderedBlock): Promise<ExecutedBlock>;
  /** State of a machine; it moves with each executed block. Throws `hypermesh.machine_unknown`. */
  state(machine: string): StateReader;
  /** Throws `hypermesh.machine_unknown`, `hypermesh.unsupported` and what the machine throws. */
  query(machine: string, method: string, argument: Uint8Array): Uint8Array;
  /** Last executed sequence of the account. */
  sequenceOf(owner: Uint8Array): number;
  /** Throws what is wrong with owner, mesh, machine or signature, as execution would judge now. */
  assertAdmissible(transaction: DecodedTransaction): void;
  receipt(transactionId: Uint8Array): Promise<Receipt | undefined>;
  /** Path from the receipt to the root of roots after `height`, which must be at or above the receipt's. */
  proveReceipt(transactionId: Uint8Array, height: number): Promise<ReceiptProof>;
  close(): Promise<void>;
}

/** Loads the state of the store, or founds it from genesis. Throws `hypermesh.state_corrupt`. */
export async function createExecutor(components: ExecutorComponents): Promise<Executor> {
  const checkpoint = await components.store.checkpoint();
  const executor = new StateExecutor(components);
  if (checkpoint === undefined) await executor.found();
  else await executor.load(checkpoint);
  return executor;
}

const NO_BLOCK: Uint8Array = new Uint8Array(HASH_BYTES);

const NOTHING: BlockResult = { receipts: [], executed: [], voided: [], machines: [], sequences: [] };

interface Prepared {
  readonly machines: readonly { readonly slot: MachineSlot; readonly state: PreparedState }[];
  readonly sequences: PreparedState;
  readonly receipts: AppendOnlyTree;
}

class StateExecutor implements Executor {
  readonly #components: ExecutorComponents;
  readonly #slots: readonly MachineSlot[];
  readonly #sequences = new MachineState();
  #receipts = new AppendOnlyTree();
  #height = 0;
  #root: Uint8Array = NO_BLOCK;
  #blockId: Uint8Array = NO_BLOCK;
  #time = 0;
  #accounts: AccountView;
  #running = false;

  constructor(components: ExecutorComponents) {
    this.#components = components;
    this.#slots = components.machines.map((machine) => ({ machine, state: new MachineState() }));
    this.#accounts = this.#accountView();
  }

  get height(): number {
    return this.#height;
  }

  get root(): Uint8Array {
    return this.#root;
  }

  get blockId(): Uint8Array {
    return this.#blockId;
  }

  get time(): number {
    return this.#time;
  }

  async rootAt(height: number): Promise<Uint8Array> {
    return rootOfRoots(await this.#components.store.rootsAt(height));
  }

  async found(): Promise<void> {
    const machines = this.#slots.map(({ machine, state }) => {
      const overlay = new Overlay(state);
      machine.genesis(overlay, this.#components.genesis);
      return { name: machine.name, changes: overlay.changes() };
    });
    await this.#commit({ height: 0, id: NO_BLOCK, time: 0, batches: [] }, { ...NOTHING, machines });
  }

  async load(checkpoint: Checkpoint): Promise<void> {
    const { store } = this.#components;
    for (const { machine, state } of this.#slots) state.adopt(state.prepare(await store.machineEntries(machine.name)));
    this.#sequences.adopt(this.#sequences.prepare(await store.sequenceEntries()));
    this.#receipts = new AppendOnlyTree(checkpoint.receipts, checkpoint.edge);
    this.#height = checkpoint.height;
    this.#blockId = checkpoint.blockId;
    this.#time = checkpoint.time;
    this.#root = rootOfRoots(this.#rootsOf(this.#prepare(NOTHING, this.#receipts)));
    if (!equalBytes(this.#root, checkpoint.root)) {
      throw hypermeshError('hypermesh.state_corrupt', { height: checkpoint.height, reason: 'another root' });
    }
  }

  async execute(block: OrderedBlock): Promise<ExecutedBlock> {
    assert(!this.#running && block.height === this.#height + 1, 'blocks are executed in order, one at a time');
    this.#running = true;
    try {
      // A block without batches leaves the root as it is: else a quiet mesh would go on proposing.
      const result: BlockResult =
        block.batches.length === 0
          ? NOTHING
          : runBlock({
              meshId: this.#components.genesis.meshId,
              block,
              slots: this.#slots,
              sequences: this.#sequences,
              accounts: this.#accounts,
            });
      await this.#commit(block, result);
      const { receipts, executed, voided } = result;
      return { height: block.height, root: this.#root, time: block.time, receipts, executed, voided };
    } finally {
      this.#running = false;
    }
  }

  state(machine: string): StateReader {
    return this.#slot(machine).state;
  }

  query(name: string, method: string, argument: Uint8Array): Uint8Array {
    const { machine, state } = this.#slot(name);
    if (machine.query === undefined) throw hypermeshError('hypermesh.unsupported', { machine: name, method });
    return machine.query(state, method, argument);
  }

  sequenceOf(owner: Uint8Array): number {
    return sequenceIn(this.#sequences, owner);
  }

  assertAdmissible(transaction: DecodedTransaction): void {
    if (!equalBytes(transaction.body.meshId, this.#components.genesis.meshId)) throw hypermeshError('hypermesh.transaction_mesh');
    this.#slot(transaction.body.machine);
    this.#accounts.assertSigned(transaction);
  }

  async receipt(transactionId: Uint8Array): Promise<Receipt | undefined> {
    const index = await this.#components.store.receiptIndex(transactionId);
    return index === undefined ? undefined : decode(receiptCodec, await this.#components.store.receipt(index));
  }

  async proveReceipt(transactionId: Uint8Array, height: number): Promise<ReceiptProof> {
    const { store } = this.#components;
    const index = await store.receiptIndex(transactionId);
    if (index === undefined) throw hypermeshError('hypermesh.receipt_unknown');
    const roots = await store.rootsAt(height);
    if (index >= roots.receipts.size) throw hypermeshError('hypermesh.receipt_unknown', { height });
    const inclusion = await proveInclusion((level, at) => store.node(level, at), index, roots.receipts.size);
    return { inclusion, roots };
  }

  async close(): Promise<void> {
    await this.#components.store.close();
  }

  /** Memory follows the disk: a block that cannot be written has not been executed. */
  async #commit(block: OrderedBlock, result: BlockResult): Promise<void> {
    const encoded = result.receipts.map((receipt) => encode(receiptCodec, receipt));
    const { tree, completed } = this.#receipts.append(encoded.map(receiptHash));
    const prepared = this.#prepare(result, tree);
    const changed = block.height === 0 || block.batches.length > 0;
    const roots = changed ? this.#rootsOf(prepared) : null;
    const root = roots === null ? this.#root : rootOfRoots(roots);
    const commit: StateCommit = {
      checkpoint: { height: block.height, blockId: block.id, time: block.time, root, receipts: tree.size, edge: tree.edge },
      machines: result.machines,
      sequences: result.sequences,
      receipts: result.receipts.map(({ transactionId }, at) => ({
        index: this.#receipts.size + at,
        transactionId,
        encoded: encoded[at] as Uint8Array,
      })),
      nodes: completed,
      roots,
    };
    await this.#components.store.commit(commit);
    for (const { slot, state } of prepared.machines) slot.state.adopt(state);
    this.#sequences.adopt(prepared.sequences);
    this.#receipts = tree;
    this.#height = block.height;
    this.#blockId = block.id;
    this.#time = block.time;
    this.#root = root;
    if (changed) this.#accounts = this.#accountView();
  }

  #prepare(result: BlockResult, receipts: AppendOnlyTree): Prepared {
    const changesOf = (name: string): readonly StateChange[] => result.machines.find((machine) => machine.name === name)?.changes ?? [];
    return {
      machines: this.#slots.map((slot) => ({ slot, state: slot.state.prepare(changesOf(slot.machine.name)) })),
      sequences: this.#sequences.prepare(result.sequences),
      receipts,
    };
  }

  #rootsOf({ machines, sequences, receipts }: Prepared): StateRoots {
    return {
      machines: machines.map(({ slot: { machine }, state }) => ({
        name: machine.name,
        version: machine.version,
        root: rootHash(state.tree),
      })),
      sequences: rootHash(sequences.tree),
      receipts: receipts.head,
    };
  }

  #slot(name: string): MachineSlot {
    const slot = this.#slots.find(({ machine }) => machine.name === name);
    if (slot === undefined) throw hypermeshError('hypermesh.machine_unknown', { machine: name });
    return slot;
  }

  #accountView(): AccountView {
    const { accounts, signatures } = this.#components;
    return new AccountView(accounts, this.#slot(accounts.machine).state, signatures);
  }
}
