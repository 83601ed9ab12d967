import assert from 'node:assert/strict';
import { bytes, type Codec, decode, encode, hashLabelled, struct, uint } from '@hypermesh/stoq';
import type { StateReader, StateWriter } from '@hypermesh/mesh/machine';
import { EXPIRIES_PER_BLOCK_MAX, PENDING_MS_MAX, SUPPLY_UNITS } from '../constants.ts';
import { caesarError } from '../errors.ts';
import { type Account, accountCodec, assertAccountName, available, balance, EMPTY_ACCOUNT, ISSUANCE } from './account.ts';
import { hex, sortable, textKey, textOfKey } from './keys.ts';
import { type Transfer, transferCodec, type TransferRecord, transferRecordCodec } from './transfer.ts';

const ACCOUNT = 'account';
const TRANSFER = 'transfer';
const EXPIRY = 'expiry';
const JOURNAL = textKey('journal');

const journalCodec: Codec<{ readonly count: number; readonly head: Uint8Array }> = struct({ count: uint(), head: bytes(32) });

/** The journal: number of transfers and the head of their hash chain. */
export interface Journal {
  readonly count: number;
  readonly head: Uint8Array;
}

/** Undefined when no transfer has touched the account. */
export function readAccount(state: StateReader, name: string): Account | undefined {
  const stored = state.get(textKey(ACCOUNT, name));
  return stored === undefined ? undefined : decode(accountCodec, stored);
}

export function readTransfer(state: StateReader, author: string, id: Uint8Array): TransferRecord | undefined {
  const stored = state.get(transferKey(author, id));
  return stored === undefined ? undefined : decode(transferRecordCodec, stored);
}

export function readJournal(state: StateReader): Journal {
  const stored = state.get(JOURNAL);
  return stored === undefined ? { count: 0, head: new Uint8Array(32) } : decode(journalCodec, stored);
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
  writeAccount(state, ISSUANCE, { ...EMPTY_ACCOUNT, limited: false });
  pools.forEach((pool, index) => {
    const id = new Uint8Array(16);
    new DataView(id.buffer).setUint32(12, index);
    applyTransfer(state, ISSUANCE, posted(id, ISSUANCE, pool.account, pool.amount), 0);
  });
}

export function posted(id: Uint8Array, debit: string, credit: string, amount: bigint): Transfer {
  return { id, kind: 'posted', debit, credit, amount, pendingId: null, expires: null };
}

/**
 * Books one transfer in the name of `author`; answers false when the same transfer was booked before.
 * The caller has checked that the author may debit the account.
 */
export function applyTransfer(state: StateWriter, author: string, transfer: Transfer, time: number): boolean {
  const known = readTransfer(state, author, transfer.id);
  if (known !== undefined) {
    if (hex(encode(transferCodec, known)) === hex(encode(transferCodec, transfer))) return false;
    throw caesarError('caesar.transfer_conflict', { id: hex(transfer.id) });
  }
  assertAccountName(transfer.debit);
  assertAccountName(transfer.credit);
  if (transfer.debit === transfer.credit) throw caesarError('caesar.account_same');
  if (transfer.amount <= 0n || transfer.amount > SUPPLY_UNITS) throw caesarError('caesar.amount_invalid');
  switch (transfer.kind) {
    case 'posted':
    case 'pending':
      book(state, author, transfer, time);
      break;
    case 'post':
    case 'void':
      settlePending(state, author, transfer, time);
      break;
  }
  extendJournal(state, transfer);
  return true;
}

/** Releases pending transfers that have lapsed, oldest first, a bounded number a block. */
export function expirePending(state: StateWriter, time: number): void {
  const lapsed: [Uint8Array, Uint8Array][] = [];
  for (const [key, value] of state.scan(textKey(EXPIRY))) {
    if (textOfKey(EXPIRY, key).slice(0, 16) > sortable(time) || lapsed.length >= EXPIRIES_PER_BLOCK_MAX) break;
    lapsed.push([key, value]);
  }
  for (const [key, recordKey] of lapsed) {
    const record = decode(transferRecordCodec, state.get(recordKey) ?? new Uint8Array());
    release(state, record);
    state.set(recordKey, encode(transferRecordCodec, { ...record, state: 'expired' }));
    state.delete(key);
  }
}

function book(state: StateWriter, author: string, transfer: Transfer, time: number): void {
  const debit = readAccount(state, transfer.debit);
  if (debit === undefined) throw caesarError('caesar.account_unknown', { account: transfer.debit });
  if (debit.limited && available(debit) < transfer.amount) {
    throw caesarError('caesar.funds_insufficient', { available: available(debit), amount: transfer.amount });
  }
  const credit = readAccount(state, transfer.credit) ?? EMPTY_ACCOUNT;
  const pending = transfer.kind === 'pending';
  if (pending) {
    const { expires } = transfer;
    if (expires === null || expires <= time || expires > time + PENDING_MS_MAX) throw caesarError('caesar.operation_malformed');
    state.set(expiryKey(author, transfer.id, expires), transferKey(author, transfer.id));
    writeAccount(state, transfer.debit, { ...debit, debitsPending: debit.debitsPending + transfer.amount });
    writeAccount(state, transfer.credit, { ...credit, creditsPending: credit.creditsPending + transfer.amount });
  } else {
    writeAccount(state, transfer.debit, { ...debit, debitsPosted: debit.debitsPosted + transfer.amount });
    writeAccount(state, transfer.credit, { ...credit, creditsPosted: credit.creditsPosted + transfer.amount });
  }
  state.set(transferKey(author, transfer.id), encode(transferRecordCodec, { ...transfer, state: pending ? 'pending' : 'posted', time }));
}

function settlePending(state: StateWriter, author: string, transfer: Transfer, time: number): void {
  const pending = transfer.pendingId === null ? undefined : readTransfer(state, author, transfer.pendingId);
  if (pending === undefined || pending.kind !== 'pending') throw caesarError('caesar.transfer_unknown');
  if (pending.state !== 'pending') throw caesarError('caesar.transfer_settled', { state: pending.state });
  if (pending.debit !== transfer.debit || pending.credit !== transfer.credit || pending.amount !== transfer.amount) {
    throw caesarError('caesar.transfer_conflict', { id: hex(pending.id) });
  }
  release(state, pending);
  if (transfer.kind === 'post') {
    const debit = existing(state, pending.debit);
    writeAccount(state, pending.debit, { ...debit, debitsPosted: debit.debitsPosted + pending.amount });
    const credit = existing(state, pending.credit);
    writeAccount(state, pending.credit, { ...credit, creditsPosted: credit.creditsPosted + pending.amount });
  }
  state.delete(expiryKey(author, pending.id, pending.expires ?? 0));
  const settled = transfer.kind === 'post' ? 'posted' : 'voided';
  state.set(transferKey(author, pending.id), encode(transferRecordCodec, { ...pending, state: settled }));
  state.set(transferKey(author, transfer.id), encode(transferRecordCodec, { ...transfer, state: settled, time }));
}

function release(state: StateWriter, pending: TransferRecord): void {
  const debit = existing(state, pending.debit);
  writeAccount(state, pending.debit, { ...debit, debitsPending: debit.debitsPending - pending.amount });
  const credit = existing(state, pending.credit);
  writeAccount(state, pending.credit, { ...credit, creditsPending: credit.creditsPending - pending.amount });
}

function existing(state: StateReader, name: string): Account {
  const account = readAccount(state, name);
  assert(account !== undefined, 'an account of a booked transfer exists');
  return account;
}

function writeAccount(state: StateWriter, name: string, account: Account): void {
  assert(!account.limited || available(account) >= 0n, 'a limited account is never overdrawn');
  state.set(textKey(ACCOUNT, name), encode(accountCodec, account));
}

function extendJournal(state: StateWriter, transfer: Transfer): void {
  const { count, head } = readJournal(state);
  const next = hashLabelled('caesar/journal/1', Buffer.concat([head, encode(transferCodec, transfer)]));
  state.set(JOURNAL, encode(journalCodec, { count: count + 1, head: next }));
}

function transferKey(author: string, id: Uint8Array): Uint8Array {
  return textKey(TRANSFER, `${author}/${hex(id)}`);
}

function expiryKey(author: string, id: Uint8Array, expires: number): Uint8Array {
  return textKey(EXPIRY, `${sortable(expires)}/${author}/${hex(id)}`);
}
