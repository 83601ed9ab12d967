import assert from 'node:assert/strict';
import { bigUint, bytes, type Codec, decode, hashLabelled, struct, uint, withEncoding } from '@hypermesh/stoq';
import type { StateReader, StateWriter } from '@hypermesh/mesh/machine';
import { type Account, accountCodec, available, balance, ISSUANCE } from './account.ts';
import { store, textKey } from './keys.ts';
import { type Transfer, transferCodec } from './transfer.ts';

export const ACCOUNT = 'account';
const JOURNAL = textKey('journal');

const TOTAL = textKey('total');
const totalCodec: Codec<bigint> = bigUint(64);

const journalCodec: Codec<Journal> = struct({ count: uint(), head: bytes(32) });

/** The journal: number of transfers and the head of their hash chain. */
export interface Journal {
  readonly count: number;
  readonly head: Uint8Array;
}

/** Undefined when no transfer has touched the account. */
export function readAccount(state: StateReader, name: string): Account | undefined {
  return accountAt(state, textKey(ACCOUNT, name));
}

function accountAt(state: StateReader, key: Uint8Array): Account | undefined {
  const stored = state.get(key);
  return stored === undefined ? undefined : decode(accountCodec, stored);
}

export function readJournal(state: StateReader): Journal {
  const stored = state.get(JOURNAL);
  return stored === undefined ? { count: 0, head: new Uint8Array(32) } : decode(journalCodec, stored);
}

/** The sum of all balances outside the issuance account, in units, as every booking has kept it. */
export function readTotal(state: StateReader): bigint {
  const stored = state.get(TOTAL);
  return stored === undefined ? 0n : decode(totalCodec, stored);
}

interface OpenAccount {
  readonly name: string;
  readonly key: Uint8Array;
  account: Account;
  /** As the state holds it before the first write. */
  readonly opening: Account | undefined;
}

/** Accounts and journal while transfers are booked: decoded once, written once, by `close`. */
export class Books {
  readonly state: StateWriter;
  readonly #open = new Map<string, OpenAccount>();
  #journal: Journal | undefined;

  constructor(state: StateWriter) {
    this.state = state;
  }

  account(name: string): Account | undefined {
    const known = this.#open.get(name);
    if (known !== undefined) return known.account;
    const key = textKey(ACCOUNT, name);
    const account = accountAt(this.state, key);
    if (account !== undefined) this.#open.set(name, { name, key, account, opening: account });
    return account;
  }

  /** Of a booked transfer. */
  existing(name: string): Account {
    const account = this.account(name);
    assert(account !== undefined, 'an account of a booked transfer exists');
    return account;
  }

  write(name: string, account: Account): void {
    assert(!account.limited || available(account) >= 0n, 'a limited account is never overdrawn');
    const known = this.#open.get(name);
    if (known === undefined) this.#open.set(name, { name, key: textKey(ACCOUNT, name), account, opening: undefined });
    else known.account = account;
  }

  extendJournal(transfer: Transfer): void {
    const { count, head } = (this.#journal ??= readJournal(this.state));
    const next = withEncoding(transferCodec, transfer, (encoded) => hashLabelled('caesar/journal/1', Buffer.concat([head, encoded])));
    this.#journal = { count: count + 1, head: next };
  }

  /** Writes what has changed into the state, the total by what the accounts hold before and after. */
  close(): void {
    let change = 0n;
    for (const { name, key, account, opening } of this.#open.values()) {
      if (account === opening) continue;
      if (name !== ISSUANCE) change += balance(account) - (opening === undefined ? 0n : balance(opening));
      store(this.state, key, accountCodec, account);
    }
    if (change !== 0n) store(this.state, TOTAL, totalCodec, readTotal(this.state) + change);
    if (this.#journal !== undefined) store(this.state, JOURNAL, journalCodec, this.#journal);
  }
}
