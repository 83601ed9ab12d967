import { randomBytes } from 'node:crypto';
import {
  ACCOUNT_NAME_LENGTH_MAX,
  type AccountAnswer,
  CAESAR_MACHINE,
  CAESAR_QUERIES,
  caesarOperationCodec,
  ownerAccount,
  type Transfer,
} from '@hypermesh/caesar';
import type { User } from '@hypermesh/devnet';
import { type DecodedTransaction, meshContract, signTransaction, validatorTargets } from '@hypermesh/mesh/client';
import { decode, encode, hasCode } from '@hypermesh/stoq';
import { benchError } from '../errors.ts';
import { pipelineMs } from '../sampling.ts';

/** Transactions of one account, signed before the clock runs. Each transfer moves one unit to the same account. */
export interface SignedLoad {
  readonly transactions: readonly DecodedTransaction[];
  readonly transfers: number;
  /** Bytes of the operations of one transaction. */
  readonly payloadBytes: number;
  readonly encodedBytes: number;
}

export interface LoadShape {
  readonly transactions: number;
  readonly operations: number;
  readonly transfersPerOperation: number;
}

// Enough to keep the signing threads busy, below what they queue.
const SIGNATURES_AHEAD = 8;
const TRANSFER_ID_BYTES = 16;
// The longest name that an account may have: what a payload is made of, so that its size costs little work.
const RECEIVER = 'pool/bench-'.padEnd(ACCOUNT_NAME_LENGTH_MAX, 'x');

export async function signLoad(user: User, { transactions: count, operations, transfersPerOperation }: LoadShape): Promise<SignedLoad> {
  const { account, member } = user;
  const next = await nextSequence(user);
  const transactions: DecodedTransaction[] = [];
  await pipelineMs(count, SIGNATURES_AHEAD, async (turn) => {
    const body = {
      meshId: member.meshId,
      owner: account.owner,
      sequence: next + turn,
      machine: CAESAR_MACHINE,
      operations: Array.from({ length: operations }, () => transferOperation(user, transfersPerOperation)),
      key: null,
    };
    transactions[turn] = await signTransaction(body, account.signer);
  });
  const [first] = transactions as [DecodedTransaction];
  return {
    transactions,
    transfers: count * operations * transfersPerOperation,
    payloadBytes: first.body.operations.reduce((sum, { length }) => sum + length, 0),
    encodedBytes: first.encoded.length,
  };
}

/** The highest that a validator names: one that has just restarted lags behind. */
async function nextSequence({ account: { owner }, member: { genesis, host } }: User): Promise<number> {
  const clients = validatorTargets(genesis, 'bundle').map((target) => host.connect(meshContract, target));
  const answers = await Promise.all(clients.map((client) => client.account({ owner })));
  return Math.max(...answers.map(({ next }) => next));
}

/** What the receiving account of the load holds: what was really applied. */
export async function receivedUnits(user: User, signal: AbortSignal): Promise<bigint> {
  const { argument, answer } = CAESAR_QUERIES.account;
  try {
    const { result } = await user.mesh.query(CAESAR_MACHINE, 'account', encode(argument, RECEIVER), { signal });
    return (decode(answer, result) as AccountAnswer).balance;
  } catch (error) {
    if (hasCode(error, 'caesar.account_unknown')) return 0n;
    throw error;
  }
}

/** Throws `bench.data_wrong` unless each transfer of the load was applied, once. */
export async function assertApplied(user: User, load: SignedLoad, before: bigint, signal: AbortSignal): Promise<void> {
  const applied = (await receivedUnits(user, signal)) - before;
  if (applied !== BigInt(load.transfers)) throw benchError('bench.data_wrong', { applied, transfers: load.transfers });
}

function transferOperation(user: User, count: number): Uint8Array {
  const transfers = Array.from({ length: count }, () => transferOf(user));
  return encode(caesarOperationCodec, { kind: 'transfers', transfers });
}

function transferOf(user: User): Transfer {
  return {
    id: Uint8Array.from(randomBytes(TRANSFER_ID_BYTES)),
    kind: 'posted',
    debit: ownerAccount(user.account.owner),
    credit: RECEIVER,
    amount: 1n,
    pendingId: null,
    expires: null,
  };
}
