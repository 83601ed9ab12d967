import { bool, bigUint, bytes, type Codec, decode, encode, struct, text, uint } from '@hypermesh/stoq';
import type { StateReader, StateWriter } from '@hypermesh/mesh/machine';
import { caesarError } from '../errors.ts';
import { available, escrowAccount, ownerAccount } from '../ledger/account.ts';
import { readAccount } from '../ledger/books.ts';
import { hex, textKey } from '../ledger/keys.ts';
import { applyTransfer, bookTransfer, posted } from '../ledger/ledger.ts';

// An app name is a DNS label.
export const APP_NAME_LENGTH_MAX: number = 63;

/** What an owner has set aside for one app. */
export interface Escrow {
  readonly owner: Uint8Array;
  readonly app: string;
  readonly open: boolean;
  /** Units paid in and paid out since it was opened. */
  readonly deposited: bigint;
  readonly spent: bigint;
  readonly openedAt: number;
}

const escrowCodec: Codec<Escrow> = struct({
  owner: bytes(32),
  app: text(APP_NAME_LENGTH_MAX),
  open: bool,
  deposited: bigUint(64),
  spent: bigUint(64),
  openedAt: uint(),
});

export function readEscrow(state: StateReader, owner: Uint8Array, app: string): Escrow | undefined {
  const stored = state.get(escrowKey(owner, app));
  return stored === undefined ? undefined : decode(escrowCodec, stored);
}

/** Units that may still be spent for the app; 0 without an open escrow. */
export function escrowAvailable(state: StateReader, owner: Uint8Array, app: string): bigint {
  if (readEscrow(state, owner, app)?.open !== true) return 0n;
  const account = readAccount(state, escrowAccount(owner, app));
  return account === undefined ? 0n : available(account);
}

/** Throws `caesar.escrow_unknown` unless it is open. */
export function openEscrow(state: StateReader, owner: Uint8Array, app: string): Escrow {
  const escrow = readEscrow(state, owner, app);
  if (escrow?.open !== true) throw caesarError('caesar.escrow_unknown', { app });
  return escrow;
}

/** Opens the escrow, or adds to an open one. */
export function fundEscrow(
  state: StateWriter,
  request: { readonly id: Uint8Array; readonly owner: Uint8Array; readonly app: string; readonly amount: bigint },
  time: number,
): void {
  const { id, owner, app, amount } = request;
  const author = ownerAccount(owner);
  if (!applyTransfer(state, author, posted(id, author, escrowAccount(owner, app), amount), time)) return;
  const known = readEscrow(state, owner, app);
  const base: Escrow = known?.open === true ? known : { owner, app, open: true, deposited: 0n, spent: 0n, openedAt: time };
  writeEscrow(state, { ...base, deposited: base.deposited + amount });
}

/** Gives the rest back to the owner; the caller has checked that nothing is left to settle. */
export function closeEscrow(
  state: StateWriter,
  request: { readonly id: Uint8Array; readonly owner: Uint8Array; readonly app: string },
  time: number,
): void {
  const { id, owner, app } = request;
  const escrow = openEscrow(state, owner, app);
  const rest = escrowAvailable(state, owner, app);
  const author = ownerAccount(owner);
  if (rest > 0n) bookTransfer(state, author, posted(id, escrowAccount(owner, app), author, rest), time);
  writeEscrow(state, { ...escrow, open: false });
}

/**
 * Pays out of the escrow; the caller has capped the amount by `escrowAvailable`. Nothing else is booked in the name of an escrow's
 * account, so that no id that a client chooses can take that of a payment.
 */
export function spendEscrow(
  state: StateWriter,
  payment: { readonly id: Uint8Array; readonly owner: Uint8Array; readonly app: string; readonly to: string; readonly amount: bigint },
  time: number,
): void {
  const account = escrowAccount(payment.owner, payment.app);
  bookTransfer(state, account, posted(payment.id, account, payment.to, payment.amount), time);
  const escrow = openEscrow(state, payment.owner, payment.app);
  writeEscrow(state, { ...escrow, spent: escrow.spent + payment.amount });
}

function writeEscrow(state: StateWriter, escrow: Escrow): void {
  state.set(escrowKey(escrow.owner, escrow.app), encode(escrowCodec, escrow));
}

function escrowKey(owner: Uint8Array, app: string): Uint8Array {
  return textKey('escrow', `${hex(owner)}/${app}`);
}
