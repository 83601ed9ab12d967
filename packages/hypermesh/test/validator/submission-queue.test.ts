import { describe, expect, test } from 'vitest';
import { hypermeshError } from '../../src/errors.ts';
import { VERIFIED_AT_ONCE } from '../../src/transaction/verification-turns.ts';
import {
  CALLER_SUBMISSIONS_BYTES_MAX,
  CALLER_SUBMISSIONS_TRANSACTIONS_MAX,
  SUBMISSIONS_BYTES_MAX,
  SUBMISSIONS_TRANSACTIONS_MAX,
  SubmissionQueue,
  TURN_BYTES_MAX,
} from '../../src/validator/submission-queue.ts';

const [A, B] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const signal = new AbortController().signal;
/** Transactions of one byte that says whose they are. */
const many = (mark: number, count: number): Uint8Array[] => Array.from({ length: count }, () => Uint8Array.of(mark));

/** The queue, and what each turn of the event loop has verified. */
function createQueue(submit: (encoded: Uint8Array) => unknown = () => undefined): {
  readonly queue: SubmissionQueue;
  readonly turns: number[][];
  readonly overflows: () => number;
} {
  const turns: number[][] = [];
  let overflows = 0;
  let turn: number[] | undefined;
  const queue = new SubmissionQueue({
    async submit(encoded) {
      if (turn === undefined) {
        turns.push((turn = []));
        setImmediate(() => (turn = undefined));
      }
      turn.push(encoded[0] as number);
      await submit(encoded);
    },
    overflowed: () => void overflows++,
  });
  return { queue, turns, overflows: () => overflows };
}

describe('calls of many transactions', () => {
  test('share a turn of the event loop, callers one transaction each', async () => {
    const { queue, turns } = createQueue();
    const taken = await Promise.all([queue.add(A, many(1, 64), signal), queue.add(B, many(2, 64), signal)]);
    expect(taken).toEqual([64, 64]);
    expect(turns).toHaveLength((2 * 64) / VERIFIED_AT_ONCE);
    for (const turn of turns) {
      expect(turn).toHaveLength(VERIFIED_AT_ONCE);
      expect(turn.filter((mark) => mark === 1)).toHaveLength(VERIFIED_AT_ONCE / 2);
    }
    expect(queue.size).toBe(0);
  });

  test('share its bytes as well', async () => {
    const { queue, turns } = createQueue();
    const large = [new Uint8Array(TURN_BYTES_MAX), new Uint8Array(TURN_BYTES_MAX)];
    await Promise.all([queue.add(A, large, signal), queue.add(B, large, signal)]);
    expect(turns.map((turn) => turn.length)).toEqual([1, 1, 1, 1]);
  });

  test('of one caller end in their order, and hold up no other caller', async () => {
    const { queue, turns } = createQueue();
    const ended: string[] = [];
    const call = async (name: string, caller: Uint8Array, transactions: readonly Uint8Array[]): Promise<void> => {
      await queue.add(caller, transactions, signal);
      ended.push(name);
    };
    const calls = Array.from({ length: 4 }, (_, at) => call(`a${at}`, A, many(1, 64)));
    await Promise.all([...calls, call('b', B, many(2, 1))]);
    expect(turns[0]).toContain(2);
    expect(ended).toEqual(['b', ...Array.from({ length: 4 }, (_, at) => `a${at}`)]);
  });

  test('end at the first that is refused, and when the signal aborts', async () => {
    const aborting = new AbortController();
    const { queue } = createQueue(([mark]) => {
      if (mark === 7) throw hypermeshError('hypermesh.transaction_signature');
      if (mark === 8) aborting.abort();
    });
    const refused = queue.add(A, [...many(1, 3), ...many(7, 1), ...many(1, 3)], signal);
    const aborted = queue.add(B, [...many(1, 1), ...many(8, 1), ...many(1, 3)], aborting.signal);
    const behind = queue.add(B, many(1, 3), aborting.signal);
    expect(await Promise.all([refused, aborted, behind])).toEqual([3, 2, 0]);
    expect(await queue.add(B, [], signal)).toBe(0);
  });

  test('fail with what is no refusal, alone', async () => {
    const broken = new RangeError('disk');
    const { queue } = createQueue(([mark]) => {
      if (mark === 7) throw broken;
    });
    const ends = await Promise.allSettled([queue.add(A, many(7, 2), signal), queue.add(A, many(1, 2), signal)]);
    expect(ends).toEqual([
      { status: 'rejected', reason: broken },
      { status: 'fulfilled', value: 2 },
    ]);
    expect(queue.size).toBe(0);
  });

  test.each([
    ['transactions', CALLER_SUBMISSIONS_TRANSACTIONS_MAX, 64, 1, SUBMISSIONS_TRANSACTIONS_MAX],
    ['bytes', CALLER_SUBMISSIONS_BYTES_MAX, 1, 1024 * 1024, SUBMISSIONS_BYTES_MAX],
  ])('have a share of a limited number of %s', async (_, share, count, bytes, most) => {
    const { queue, overflows } = createQueue();
    const call = Array.from({ length: count }, () => new Uint8Array(bytes));
    const fill = (caller: number): Promise<number>[] =>
      Array.from({ length: share / (count * bytes) }, () => queue.add(new Uint8Array(32).fill(caller), call, signal));
    const full = { code: 'hypermesh.submissions_full', retryable: true };
    const taken = fill(0);
    await expect(queue.add(new Uint8Array(32), [new Uint8Array(1)], signal)).rejects.toMatchObject(full);
    for (let caller = 1; caller < most / share; caller++) taken.push(...fill(caller));
    expect(overflows()).toBe(1);
    await expect(queue.add(new Uint8Array(32).fill(99), [new Uint8Array(1)], signal)).rejects.toMatchObject(full);
    expect(overflows()).toBe(2);
    expect(new Set(await Promise.all(taken))).toEqual(new Set([count]));
    // There is room again for everybody.
    expect(queue.size).toBe(0);
    expect(await Promise.all(fill(0))).toHaveLength(share / (count * bytes));
  });
});
