import { decode, encode } from '@hypermesh/stoq';
import type { StateReader, StateWriter } from '@hypermesh/mesh/machine';
import { EXPIRIES_PER_BLOCK_MAX, PENDING_MS_MAX, SUPPLY_UNITS } from '../constants.ts';
import { caesarError } from '../errors.ts';
import { type Account, accountCodec, assertAccountName, available, balance, EMPTY_ACCOUNT, ISSUANCE } from './account.ts';
import { ACCOUNT, Books } from './books.ts';
import { hex, sortable, store, textKey, textOfKey } from './keys.ts';
import { type Transfer, transferCodec, type TransferRecord, transferRecordCodec, type TransferState } from './transfer.ts';

const TRANSFER = 'transfer';
const EXPIRY = 'expiry';

export function readTransfer(state: StateReader, author: string, id: Uint8Array): TransferRecord | undefined {
  const stored = state.get(transferKey(author, id));
  return stored === undefined ? undefined : decode(transferRecordCodec, stored);
}

export function* accounts(state: StateReader): Iterable<readonly [name: string, account: Account]> {
  for (const [key, value] of state.scan(textKey(ACCOUNT))) {
    yield [textOfKey(ACCOUNT, key), decode(accountCodec, value)];
  }
}

/** The sum of all balances outside the issuance account, by a walk over every account: what an auditor recomputes. */
export function totalUnits(state: StateReader): bigint {
  let total = 0n;
  for (const [name, account] of accounts(state)) if (name !== ISSUANCE) total += balance(account);
  return total;
}

/** Issues the supply; pools must add up to it exactly. */
export function issueSupply(state: StateWriter, pools: readonly { account: string; amount: bigint }[]): void {
  const sum = pools.reduce((total, pool) => total + pool.amount, 0n);
  if (sum !== SUPPLY_UNITS) throw caesarError('caesar.genesis_invalid', { sum, supply: SUPPLY_UNITS });
  const books = new Books(state);
  books.write(ISSUANCE, { ...EMPTY_ACCOUNT, limited: false });
  pools.forEach((pool, index) => {
    const id = new Uint8Array(16);
    new DataView(id.buffer).setUint32(12, index);
    enter(books, ISSUANCE, posted(id, ISSUANCE, pool.account, pool.amount), 0);
  });
  books.close();
}

export function posted(id: Uint8Array, debit: string, credit: string, amount: bigint): Transfer {
  return { id, kind: 'posted', debit, credit, amount, pendingId: null, expires: null };
}

/**
 * Books one transfer in the name of `author`; answers false when the same transfer was booked before.
 * The caller has checked that the author may debit the account.
 */
export function applyTransfer(state: StateWriter, author: string, transfer: Transfer, time: number): boolean {
  const books = new Books(state);
  const isNew = enter(books, author, transfer, time);
  books.close();
  return isNew;
}

/** As `applyTransfer`, for what must move units now: throws `caesar.transfer_conflict` also when the same transfer was booked before. */
export function bookTransfer(state: StateWriter, author: string, transfer: Transfer, time: number): void {
  if (!applyTransfer(state, author, transfer, time)) throw caesarError('caesar.transfer_conflict', { id: hex(transfer.id) });
}

/**
 * As `applyTransfer`, one after the other, each when `assertMay` has let it pass: the first that is wrong, whatever is wrong with it,
 * is the one that is told. After an exception the state is to be given up.
 */
export function applyTransfers(
  state: StateWriter,
  author: string,
  transfers: Iterable<Transfer>,
  time: number,
  assertMay: (author: string, transfer: Transfer) => void = () => {},
): void {
  const books = new Books(state);
  for (const transfer of transfers) {
    assertMay(author, transfer);
    enter(books, author, transfer, time);
  }
  books.close();
}

/** Releases pending transfers that have lapsed, oldest first, a bounded number a block. */
export function expirePending(state: StateWriter, time: number): void {
  const lapsed: [Uint8Array, Uint8Array][] = [];
  for (const [key, value] of state.scan(textKey(EXPIRY))) {
    if (textOfKey(EXPIRY, key).slice(0, 16) > sortable(time) || lapsed.length >= EXPIRIES_PER_BLOCK_MAX) break;
    lapsed.push([key, value]);
  }
  const books = new Books(state);
  for (const [key, recordKey] of lapsed) {
    const record = decode(transferRecordCodec, state.get(recordKey) ?? new Uint8Array());
    release(books, record);
    state.set(recordKey, encode(transferRecordCodec, { ...record, state: 'expired' }));
    state.delete(key);
  }
  books.close();
}

function enter(books: Books, author: string, transfer: Transfer, time: number): boolean {
  const key = transferKey(author, transfer.id);
  const known = books.state.get(key);
  if (known !== undefined) {
    if (hex(encode(transferCodec, decode(transferRecordCodec, known))) === hex(encode(transferCodec, transfer))) return false;
    throw caesarError('caesar.transfer_conflict', { id: hex(transfer.id) });
  }
  assertAccountName(transfer.debit);
  assertAccountName(transfer.credit);
  if (transfer.debit === transfer.credit) throw caesarError('caesar.account_same');
  if (transfer.amount <= 0n || transfer.amount > SUPPLY_UNITS) throw caesarError('caesar.amount_invalid');
  switch (transfer.kind) {
    case 'posted':
      book(books, transfer);
      record(books, key, { ...transfer, state: 'posted', time });
      break;
    case 'pending':
      reserve(books, author, transfer, time);
      record(books, key, { ...transfer, state: 'pending', time });
      break;
    case 'post':
    case 'void':
      record(books, key, { ...transfer, state: settle(books, author, transfer), time });
      break;
  }
  books.extendJournal(transfer);
  return true;
}

function book(books: Books, transfer: Transfer): void {
  const { debit, credit } = accountsOf(books, transfer);
  books.write(transfer.debit, { ...debit, debitsPosted: debit.debitsPosted + transfer.amount });
  books.write(transfer.credit, { ...credit, creditsPosted: credit.creditsPosted + transfer.amount });
}

function reserve(books: Books, author: string, transfer: Transfer, time: number): void {
  const { debit, credit } = accountsOf(books, transfer);
  const { expires } = transfer;
  if (expires === null || expires <= time || expires > time + PENDING_MS_MAX) throw caesarError('caesar.operation_malformed');
  books.state.set(expiryKey(author, transfer.id, expires), transferKey(author, transfer.id));
  books.write(transfer.debit, { ...debit, debitsPending: debit.debitsPending + transfer.amount });
  books.write(transfer.credit, { ...credit, creditsPending: credit.creditsPending + transfer.amount });
}

function accountsOf(books: Books, transfer: Transfer): { readonly debit: Account; readonly credit: Account } {
  const debit = books.account(transfer.debit);
  if (debit === undefined) throw caesarError('caesar.account_unknown', { account: transfer.debit });
  if (debit.limited && available(debit) < transfer.amount) {
    throw caesarError('caesar.funds_insufficient', { available: available(debit), amount: transfer.amount });
  }
  return { debit, credit: books.account(transfer.credit) ?? EMPTY_ACCOUNT };
}

/** Ends the pending transfer that `transfer` names; answers what became of it. */
function settle(books: Books, author: string, transfer: Transfer): TransferState {
  const pending = transfer.pendingId === null ? undefined : readTransfer(books.state, author, transfer.pendingId);
  if (pending === undefined || pending.kind !== 'pending') throw caesarError('caesar.transfer_unknown');
  if (pending.state !== 'pending') throw caesarError('caesar.transfer_settled', { state: pending.state });
  if (pending.debit !== transfer.debit || pending.credit !== transfer.credit || pending.amount !== transfer.amount) {
    throw caesarError('caesar.transfer_conflict', { id: hex(pending.id) });
  }
  release(books, pending);
  if (transfer.kind === 'post') {
    const debit = books.existing(pending.debit);
    books.write(pending.debit, { ...debit, debitsPosted: debit.debitsPosted + pending.amount });
    const credit = books.existing(pending.credit);
    books.write(pending.credit, { ...credit, creditsPosted: credit.creditsPosted + pending.amount });
  }
  books.state.delete(expiryKey(author, pending.id, pending.expires ?? 0));
  const settled = transfer.kind === 'post' ? 'posted' : 'voided';
  record(books, transferKey(author, pending.id), { ...pending, state: settled });
  return settled;
}

function release(books: Books, pending: TransferRecord): void {
  const debit = books.existing(pending.debit);
  books.write(pending.debit, { ...debit, debitsPending: debit.debitsPending - pending.amount });
  const credit = books.existing(pending.credit);
  books.write(pending.credit, { ...credit, creditsPending: credit.creditsPending - pending.amount });
}

function record(books: Books, key: Uint8Array, transfer: TransferRecord): void {
  store(books.state, key, transferRecordCodec, transfer);
}

function transferKey(author: string, id: Uint8Array): Uint8Array {
  return textKey(TRANSFER, `${author}/${hex(id)}`);
}

function expiryKey(author: string, id: Uint8Array, expires: number): Uint8Array {
  return textKey(EXPIRY, `${sortable(expires)}/${author}/${hex(id)}`);
}
