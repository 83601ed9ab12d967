import { CodedError, equalBytes } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { ApplyContext, Machine } from '../machine/machine.ts';
import type { MachineState } from '../state/machine-state.ts';
import { Overlay } from '../state/overlay.ts';
import type { StateChange } from '../state/sparse-tree.ts';
import type { DecodedBatch } from '../transaction/decoded-batch.ts';
import { type Receipt, RESULT_BYTES_MAX, RESULTS_BYTES_MAX } from '../transaction/receipt.ts';
import type { DecodedTransaction } from '../transaction/transaction.ts';
import type { AccountView } from './accounts.ts';
import { EarlyTransactions } from './early-transactions.ts';
import { sequenceIn, sequenceValue } from './sequences.ts';

/** A block as consensus committed it, with its batches. */
export interface OrderedBlock {
  readonly height: number;
  readonly id: Uint8Array;
  /** Agreed time, milliseconds since the epoch. */
  readonly time: number;
  readonly batches: readonly DecodedBatch[];
}

export interface MachineSlot {
  readonly machine: Machine;
  readonly state: MachineState;
}

export interface BlockResult {
  readonly receipts: readonly Receipt[];
  /** The transactions of the receipts, in the same order. */
  readonly executed: readonly DecodedTransaction[];
  /** Ordered, but without effect: already executed, out of sequence even at the end of the block, or not validly signed. */
  readonly voided: readonly DecodedTransaction[];
  readonly machines: readonly { readonly name: string; readonly changes: readonly StateChange[] }[];
  readonly sequences: readonly StateChange[];
}

export interface BlockRunInput {
  readonly meshId: Uint8Array;
  readonly block: OrderedBlock;
  readonly slots: readonly MachineSlot[];
  readonly sequences: MachineState;
  /** Members as of the previous block. */
  readonly accounts: AccountView;
}

const NO_OWNER = new Uint8Array(32);

/** What the block does to every machine. Pure: the states stay as they are. Throws `hypermesh.machine_halted`. */
export function runBlock(input: BlockRunInput): BlockResult {
  const run = new BlockRun(input);
  run.beginBlock();
  for (const batch of input.block.batches) {
    for (const transaction of batch) if (transaction !== null) run.take(transaction);
  }
  return run.result();
}

interface RunningMachine {
  readonly machine: Machine;
  readonly overlay: Overlay;
  readonly view: ApplyContext['view'];
}

class BlockRun {
  readonly #input: BlockRunInput;
  readonly #machines = new Map<string, RunningMachine>();
  readonly #sequences: Overlay;
  readonly #early = new EarlyTransactions();
  readonly #receipts: Receipt[] = [];
  readonly #executed: DecodedTransaction[] = [];
  readonly #voided: DecodedTransaction[] = [];

  constructor(input: BlockRunInput) {
    this.#input = input;
    this.#sequences = new Overlay(input.sequences);
    for (const { machine, state } of input.slots) {
      this.#machines.set(machine.name, { machine, overlay: new Overlay(state), view: viewOf(machine, input.slots) });
    }
  }

  beginBlock(): void {
    for (const { machine, overlay, view } of this.#machines.values()) {
      try {
        machine.beginBlock(overlay, this.#context(view, NO_OWNER, NO_OWNER));
      } catch (cause) {
        throw this.#halted(machine, cause);
      }
    }
  }

  /** A transaction that comes before an earlier one of its owner waits for it until the end of the block. */
  take(transaction: DecodedTransaction): void {
    let next: DecodedTransaction | undefined = transaction;
    while (next !== undefined) next = this.#execute(next) ? this.#early.take(next.body.owner, next.body.sequence + 1) : undefined;
  }

  #execute(transaction: DecodedTransaction): boolean {
    const { body } = transaction;
    const running = this.#machines.get(body.machine);
    const expected = sequenceIn(this.#sequences, body.owner) + 1;
    const isKnown = running !== undefined && equalBytes(body.meshId, this.#input.meshId) && body.sequence >= expected;
    if (isKnown && body.sequence > expected && this.#isSigned(transaction) && this.#early.hold(transaction)) return false;
    if (!isKnown || body.sequence !== expected || !this.#isSigned(transaction)) {
      this.#voided.push(transaction);
      return false;
    }
    this.#sequences.set(body.owner, sequenceValue(body.sequence));
    const outcome = this.#apply(running, transaction);
    this.#receipts.push({
      transactionId: transaction.id,
      height: this.#input.block.height,
      index: this.#receipts.length,
      code: outcome.code,
      results: outcome.results,
    });
    this.#executed.push(transaction);
    return true;
  }

  result(): BlockResult {
    return {
      receipts: this.#receipts,
      executed: this.#executed,
      voided: [...this.#voided, ...this.#early.left()],
      machines: [...this.#machines.values()].map(({ machine, overlay }) => ({ name: machine.name, changes: overlay.changes() })),
      sequences: this.#sequences.changes(),
    };
  }

  #isSigned(transaction: DecodedTransaction): boolean {
    try {
      this.#input.accounts.assertSigned(transaction);
      return true;
    } catch (error) {
      if (error instanceof CodedError) return false;
      throw error;
    }
  }

  #apply({ machine, overlay, view }: RunningMachine, transaction: DecodedTransaction): Pick<Receipt, 'code' | 'results'> {
    const context = this.#context(view, transaction.body.owner, transaction.id);
    const mark = overlay.mark();
    try {
      const results: Uint8Array[] = [];
      let resultBytes = 0;
      for (const operation of transaction.body.operations) {
        const result = machine.apply(overlay, operation, context);
        resultBytes += result.length;
        if (result.length > RESULT_BYTES_MAX || resultBytes > RESULTS_BYTES_MAX) throw hypermeshError('hypermesh.result_limit');
        results.push(result);
      }
      return { code: '', results };
    } catch (cause) {
      if (!(cause instanceof CodedError)) throw this.#halted(machine, cause);
      overlay.undoTo(mark);
      return { code: cause.code, results: [] };
    }
  }

  #context(view: ApplyContext['view'], owner: Uint8Array, transactionId: Uint8Array): ApplyContext {
    const { time, height, id } = this.#input.block;
    return { time, height, blockId: id, transactionId, owner, view };
  }

  #halted(machine: Machine, cause: unknown): Error {
    return hypermeshError('hypermesh.machine_halted', { machine: machine.name, height: this.#input.block.height }, { cause });
  }
}

/** The states that the machine may see, as of the previous block. */
function viewOf({ views }: Machine, slots: readonly MachineSlot[]): ApplyContext['view'] {
  return (name) => (views.includes(name) ? slots.find(({ machine }) => machine.name === name)?.state : undefined);
}
