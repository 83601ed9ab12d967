import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import {
  balance,
  caesarOperationCodec,
  createCaesarMachine,
  issueSupply,
  LINKED_TRANSFERS_MAX,
  ownerAccount,
  readAccount,
  SUPPLY_UNITS,
} from '@hypermesh/caesar';
import { type ApplyContext, type Machine, MachineState, Overlay } from '@hypermesh/mesh/machine';
import { encode } from '@hypermesh/stoq';
import { benchError } from '../errors.ts';
import { type Metric, perRun } from '../report/metric.ts';
import { median } from '../report/statistics.ts';

const OPERATIONS_PER_BLOCK = 10;
const TRANSFERS_PER_BLOCK = OPERATIONS_PER_BLOCK * LINKED_TRANSFERS_MAX;
const RECEIVERS = 1_000;
const WARM_UP_BLOCKS = 1;
const ID_BYTES = 32;
const TRANSFER_ID_BYTES = 16;

/** Blocks of linked transfers through the machine alone: no signature, no disk, no network. */
export function measureMachine(runs: number): Metric {
  const ledger = new Ledger();
  const applied: number[] = [];
  const rooted: number[] = [];
  for (let run = 0; run < WARM_UP_BLOCKS + runs; run++) {
    const { applyMs, rootMs } = ledger.block();
    if (run < WARM_UP_BLOCKS) continue;
    applied.push((TRANSFERS_PER_BLOCK * 1000) / applyMs);
    rooted.push((TRANSFERS_PER_BLOCK * 1000) / (applyMs + rootMs));
  }
  ledger.assertBalanced();
  return perRun('caesar.machine.transfers_per_s', 'per_s', applied, {
    transfersPerOperation: LINKED_TRANSFERS_MAX,
    transfersPerBlock: TRANSFERS_PER_BLOCK,
    receivers: RECEIVERS,
    warmUpBlocks: WARM_UP_BLOCKS,
    withStateRootPerS: Math.round(median(rooted)),
    processes: 1,
  });
}

/** The machine over its state in memory, one block after the other. */
class Ledger {
  readonly #machine: Machine = createCaesarMachine({ placements: () => NO_PLACEMENTS, verifyHybrid: () => false });
  readonly #state = new MachineState();
  readonly #owner = Uint8Array.from(randomBytes(ID_BYTES));
  readonly #receivers = Array.from({ length: RECEIVERS }, () => ownerAccount(Uint8Array.from(randomBytes(ID_BYTES))));
  #height = 0;

  constructor() {
    const founding = new Overlay(this.#state);
    issueSupply(founding, [{ account: ownerAccount(this.#owner), amount: SUPPLY_UNITS }]);
    this.#state.adopt(this.#state.prepare(founding.changes()));
  }

  block(): { readonly applyMs: number; readonly rootMs: number } {
    const operations = Array.from({ length: OPERATIONS_PER_BLOCK }, () => this.#operation());
    const context = this.#context();
    const startedAt = performance.now();
    const overlay = new Overlay(this.#state);
    this.#machine.beginBlock(overlay, context);
    for (const operation of operations) this.#machine.apply(overlay, operation, context);
    const appliedAt = performance.now();
    this.#state.adopt(this.#state.prepare(overlay.changes()));
    return { applyMs: appliedAt - startedAt, rootMs: performance.now() - appliedAt };
  }

  /** What left the one account has arrived at the others. */
  assertBalanced(): void {
    const held = (name: string): bigint => {
      const account = readAccount(this.#state, name);
      return account === undefined ? 0n : balance(account);
    };
    const arrived = this.#receivers.reduce((sum, name) => sum + held(name), 0n);
    const left = SUPPLY_UNITS - held(ownerAccount(this.#owner));
    if (arrived !== left || arrived !== BigInt(this.#height * TRANSFERS_PER_BLOCK)) throw benchError('bench.data_wrong', { arrived, left });
  }

  #operation(): Uint8Array {
    const transfers = Array.from({ length: LINKED_TRANSFERS_MAX }, (_, index) => ({
      id: Uint8Array.from(randomBytes(TRANSFER_ID_BYTES)),
      kind: 'posted' as const,
      debit: ownerAccount(this.#owner),
      credit: this.#receivers[index % RECEIVERS] as string,
      amount: 1n,
      pendingId: null,
      expires: null,
    }));
    return encode(caesarOperationCodec, { kind: 'transfers', transfers });
  }

  #context(): ApplyContext {
    const height = ++this.#height;
    const id = new Uint8Array(ID_BYTES);
    return { time: height, height, blockId: id, transactionId: id, owner: this.#owner, view: () => undefined };
  }
}

const NO_PLACEMENTS = {
  placements: () => [],
  placementsOf: () => [],
  placement: () => undefined,
  ingress: () => undefined,
  sponsors: () => [],
} as const;
