import { bigInt, bigUint, bytes, type Codec, decode, encode, list, optional, struct, text, uint } from '@hypermesh/stoq';
import type { Query, StateReader } from '@hypermesh/mesh/machine';
import { caesarError } from './errors.ts';
import { APP_NAME_LENGTH_MAX, escrowAvailable, readEscrow } from './escrow/escrow.ts';
import { ACCOUNT_NAME_LENGTH_MAX, available, balance } from './ledger/account.ts';
import { readAccount, readJournal } from './ledger/books.ts';
import { accounts, totalUnits } from './ledger/ledger.ts';
import { lastPeriod, type Period, periodCodec, readPeriod } from './settlement/period.ts';

/** Balance and spendable part of one account, units of 1e-9 CAES. */
export interface AccountAnswer {
  readonly account: string;
  readonly balance: bigint;
  readonly available: bigint;
}

export interface EscrowAnswer {
  readonly available: bigint;
  readonly deposited: bigint;
  readonly spent: bigint;
}

export interface AuditAnswer {
  readonly total: bigint;
  readonly accounts: number;
  readonly transfers: number;
  /** Head of the journal's hash chain, 32 bytes. */
  readonly journal: Uint8Array;
}

// Accounts listed by one query.
export const ACCOUNTS_PER_ANSWER_MAX: number = 1_000;

const accountAnswerCodec: Codec<AccountAnswer> = struct({
  account: text(ACCOUNT_NAME_LENGTH_MAX),
  balance: bigInt(64),
  available: bigInt(64),
});

export interface CaesarQueries {
  readonly account: Query<string, AccountAnswer>;
  /** Accounts after the given name, in name order. */
  readonly accounts: Query<string, readonly AccountAnswer[]>;
  readonly escrow: Query<{ readonly owner: Uint8Array; readonly app: string }, EscrowAnswer | null>;
  readonly period: Query<number, Period | null>;
  readonly 'period.last': Query<number, number>;
  readonly audit: Query<number, AuditAnswer>;
}

/** Argument and answer of each query, for daemons and clients. */
export const CAESAR_QUERIES: CaesarQueries = {
  account: { argument: text(ACCOUNT_NAME_LENGTH_MAX), answer: accountAnswerCodec },
  accounts: { argument: text(ACCOUNT_NAME_LENGTH_MAX), answer: list(accountAnswerCodec, ACCOUNTS_PER_ANSWER_MAX) },
  escrow: {
    argument: struct({ owner: bytes(32), app: text(APP_NAME_LENGTH_MAX) }),
    answer: optional(struct({ available: bigUint(64), deposited: bigUint(64), spent: bigUint(64) })),
  },
  period: { argument: uint(), answer: optional(periodCodec) },
  'period.last': { argument: uint(0), answer: uint() },
  audit: {
    argument: uint(0),
    answer: struct({ total: bigUint(64), accounts: uint(), transfers: uint(), journal: bytes(32) }),
  },
};

export function answerQuery(state: StateReader, method: string, argument: Uint8Array): Uint8Array {
  switch (method) {
    case 'account':
      return encode(accountAnswerCodec, accountAnswer(state, decode(CAESAR_QUERIES.account.argument, argument)));
    case 'accounts': {
      const after = decode(CAESAR_QUERIES.accounts.argument, argument);
      const found: AccountAnswer[] = [];
      for (const [name] of accounts(state)) {
        if (name > after && found.length < ACCOUNTS_PER_ANSWER_MAX) found.push(accountAnswer(state, name));
      }
      return encode(CAESAR_QUERIES.accounts.answer, found);
    }
    case 'escrow':
      return encode(CAESAR_QUERIES.escrow.answer, escrowAnswer(state, decode(CAESAR_QUERIES.escrow.argument, argument)));
    case 'period': {
      const period: Period | undefined = readPeriod(state, decode(CAESAR_QUERIES.period.argument, argument));
      return encode(CAESAR_QUERIES.period.answer, period ?? null);
    }
    case 'period.last':
      return encode(CAESAR_QUERIES['period.last'].answer, lastPeriod(state));
    case 'audit':
      return encode(CAESAR_QUERIES.audit.answer, auditAnswer(state));
    default:
      throw caesarError('caesar.query_unknown', { method });
  }
}

function accountAnswer(state: StateReader, name: string): AccountAnswer {
  const account = readAccount(state, name);
  if (account === undefined) throw caesarError('caesar.account_unknown', { account: name });
  return { account: name, balance: balance(account), available: available(account) };
}

function escrowAnswer(state: StateReader, key: { readonly owner: Uint8Array; readonly app: string }): EscrowAnswer | null {
  const escrow = readEscrow(state, key.owner, key.app);
  if (escrow?.open !== true) return null;
  return { available: escrowAvailable(state, key.owner, key.app), deposited: escrow.deposited, spent: escrow.spent };
}

function auditAnswer(state: StateReader): AuditAnswer {
  const { count, head } = readJournal(state);
  return { total: totalUnits(state), accounts: [...accounts(state)].length, transfers: count, journal: head };
}
