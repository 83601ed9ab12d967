/** What a machine may know besides its own state: nothing else enters `apply`. */
export interface ApplyContext {
  /** Block time in milliseconds since the epoch, agreed by the quorum. */
  readonly time: number;
  readonly height: number;
  /** Id of the block that orders the transaction, 32 bytes. */
  readonly blockId: Uint8Array;
  /** 32-byte id of the transaction; zeroes in `beginBlock`. */
  readonly transactionId: Uint8Array;
  /** 32-byte id of the account that signed. */
  readonly owner: Uint8Array;
  /** Read-only state of another machine as of the previous block; undefined for names not declared in `views`. */
  view(machine: string): StateReader | undefined;
}

export interface StateReader {
  /** Undefined when absent. The caller must not change the bytes. */
  get(key: Uint8Array): Uint8Array | undefined;
  /** Entries with the prefix in key order. */
  scan(prefix: Uint8Array): Iterable<readonly [key: Uint8Array, value: Uint8Array]>;
}

export interface StateWriter extends StateReader {
  /** Takes copies: what the caller does with the bytes afterwards does not reach the state. */
  set(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
}

/**
 * Keys below `spent/` count what a block's work has cost, so that a machine can bound it: what a rejected transaction wrote there
 * stays, because the work was done.
 */
export const SPENT = 'spent';

/**
 * A deterministic state machine of the log: pure and synchronous. Every validator runs every machine; followers re-execute.
 * A coded error thrown by `apply` rejects the whole transaction (its writes are undone but for `SPENT`, the code is in the receipt);
 * any other exception is a programmer's mistake and halts the executor with an alarm.
 */
export interface Machine {
  /** Unique in the mesh, recorded in genesis with the version, e.g. `mesh`. */
  readonly name: string;
  readonly version: number;
  /** Names of machines whose previous-block state it may read. */
  readonly views: readonly string[];
  /** Keys up to 256 bytes, values up to 1 MiB. */
  genesis(state: StateWriter, genesis: GenesisInput): void;
  /** Once a block, before its transactions: time-driven work (leases, periods). Must be bounded. */
  beginBlock(state: StateWriter, context: ApplyContext): void;
  /** One operation of a transaction; returns the result bytes (up to 64 KiB) that the receipt commits to. */
  apply(state: StateWriter, operation: Uint8Array, context: ApplyContext): Uint8Array;
  /** Answers a named query from state; throws coded errors. Used by daemons, not by agreement. */
  query?(state: StateReader, method: string, argument: Uint8Array): Uint8Array;
}

export interface GenesisInput {
  /** 32 bytes. */
  readonly meshId: Uint8Array;
  /** Canonical CBOR of the genesis document of `@hypermesh/trustchain`. */
  readonly genesis: Uint8Array;
}
