import { type Contract, defineContract, type MethodSpec } from '@hypermesh/stoq';
import { z } from 'zod';
import { APP_NAME_LENGTH_MAX } from './escrow/escrow.ts';
import { ACCOUNT_NAME_LENGTH_MAX } from './ledger/account.ts';
import { type AccountAnswer, ACCOUNTS_PER_ANSWER_MAX, type AuditAnswer, type EscrowAnswer } from './query.ts';
import type { Period } from './settlement/period.ts';

/** An answer and the height of the agreed state that it was read from. */
export interface AtHeight<Value> {
  readonly height: number;
  readonly value: Value;
}

type Read<Request, Value> = MethodSpec<Request, AtHeight<Value>>;

export type CaesarMethods = {
  readonly account: Read<{ readonly account: string }, AccountAnswer>;
  /** Accounts after the given name, in name order; at most 1,000. */
  readonly accounts: Read<{ readonly after: string }, readonly AccountAnswer[]>;
  readonly escrow: Read<{ readonly owner: Uint8Array; readonly app: string }, EscrowAnswer | null>;
  readonly period: Read<{ readonly number: number }, Period | null>;
  /** Number of the last closed period; 0 before the first. */
  readonly lastPeriod: Read<Record<string, never>, number>;
  readonly audit: Read<Record<string, never>, AuditAnswer>;
};

// An account name of 160 characters and two amounts are below 256 bytes; the largest answer is a page of them.
const ANSWER_BYTES_MAX: number = ACCOUNTS_PER_ANSWER_MAX * 256 + 4_096;
const REQUEST_BYTES_MAX = 1_024;
const DEADLINE_MS = 5_000;

const units = z.union([z.bigint(), z.int().transform(BigInt)]);
const hash = z.instanceof(Uint8Array).refine((bytes) => bytes.length === 32, 'must have 32 bytes');
const accountName = z.string().max(ACCOUNT_NAME_LENGTH_MAX);
const accountAnswer = z.strictObject({ account: accountName, balance: units, available: units });
const period = z.strictObject({
  number: z.int().min(1),
  from: z.int().min(0),
  to: z.int().min(0),
  totalBefore: units,
  totalAfter: units,
  paid: z.array(z.strictObject({ account: accountName, amount: units })),
});

/** Served by caesard from the state that it has re-executed; who may call whatever the role: the books are open. */
export const caesarContract: Contract<CaesarMethods> = defineContract({
  name: 'caesar',
  version: 1,
  methods: {
    account: read(z.strictObject({ account: accountName }), accountAnswer),
    accounts: read(z.strictObject({ after: accountName }), z.array(accountAnswer)),
    escrow: read(
      z.strictObject({ owner: hash, app: z.string().max(APP_NAME_LENGTH_MAX) }),
      z.strictObject({ available: units, deposited: units, spent: units }).nullable(),
    ),
    period: read(z.strictObject({ number: z.int().min(1) }), period.nullable()),
    lastPeriod: read(z.strictObject({}) as z.ZodType<Record<string, never>>, z.int().min(0)),
    audit: read(
      z.strictObject({}) as z.ZodType<Record<string, never>>,
      z.strictObject({ total: units, accounts: z.int(), transfers: z.int(), journal: hash }),
    ),
  },
});

function read<Request, Value>(request: z.ZodType<Request>, value: z.ZodType<Value>): Read<Request, Value> {
  return {
    kind: 'unary',
    request,
    response: z.strictObject({ height: z.int().min(0), value }) as unknown as z.ZodType<AtHeight<Value>>,
    roles: 'any',
    idempotent: true,
    requestBytesMax: REQUEST_BYTES_MAX,
    responseBytesMax: ANSWER_BYTES_MAX,
    deadlineMs: DEADLINE_MS,
  };
}
