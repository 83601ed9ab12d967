import assert from 'node:assert/strict';
import { bytes, type Codec, decode, encode, hashLabelled, struct, uint } from '@hypermesh/stoq';
import type { StateReader, StateWriter } from '@hypermesh/mesh/machine';
import { type Account, accountCodec, available } from './account.ts';
import { textKey } from './keys.ts';

export const ACCOUNT = 'account';
const JOURNAL = textKey('journal');

const journalCodec: Codec<Journal> = struct({ count: uint(), head: bytes(32) });

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

export function readJournal(state: StateReader): Journal {
  const stored = state.get(JOURNAL);
  return stored === undefined ? { count: 0, head: new Uint8Array(32) } : decode(journalCodec, stored);
}

/** Accounts and journal while transfers are booked: decoded once, written once, by `close`. */
export class Books {
  readonly state: StateWriter;
  readonly #accounts = new Map<string, Account>();
  readonly #written = new Set<string>();
  #journal: Journal | undefined;

  constructor(state: StateWriter) {
    this.state = state;
  }

  account(name: string): Account | undefined {
    const known = this.#accounts.get(name);
    if (known !== undefined) return known;
    const account = readAccount(this.state, name);
    if (account !== undefined) this.#accounts.set(name, account);
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
    this.#accounts.set(name, account);
    this.#written.add(name);
  }

  /** `transfer`: encoded. */
  extendJournal(transfer: Uint8Array): void {
    const { count, head } = (this.#journal ??= readJournal(this.state));
    this.#journal = { count: count + 1, head: hashLabelled('caesar/journal/1', Buffer.concat([head, transfer])) };
  }

  /** Writes what has changed into the state. */
  close(): void {
    for (const name of this.#written) this.state.set(textKey(ACCOUNT, name), encode(accountCodec, this.existing(name)));
    if (this.#journal !== undefined) this.state.set(JOURNAL, encode(journalCodec, this.#journal));
  }
}
