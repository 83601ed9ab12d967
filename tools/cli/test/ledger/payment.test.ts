import { caesarOperationCodec } from '@hypermesh/caesar/client';
import { hypermeshError } from '@hypermesh/mesh';
import { CodedError, decode, systemEntropy } from '@hypermesh/stoq';
import { describe, expect, test } from 'vitest';
import type { CommandContext } from '../../src/command.ts';
import { fundEscrow } from '../../src/app/funding.ts';
import { payingOnce, paymentOf } from '../../src/ledger/payment.ts';
import { transfer } from '../../src/ledger/transfer.ts';
import { Output } from '../../src/output.ts';
import type { Session } from '../../src/session.ts';

const NAMED = '0123456789abcdef0123456789abcdef';
const LOST = hypermeshError('hypermesh.not_committed');
const REFUSED = new CodedError('caesar.funds_insufficient', { message: 'The mesh refused the transaction', retryable: false });

/** A command line at a mesh that answers every transaction like this; `ordered` are the ids of the payments that it saw. */
function counter(answer: () => Promise<unknown>): { readonly context: CommandContext; readonly ordered: string[]; told: string } {
  const ordered: string[] = [];
  const transact = (_account: unknown, _machine: string, [operation]: readonly Uint8Array[]): Promise<unknown> => {
    const decoded = decode(caesarOperationCodec, operation as Uint8Array);
    const id = decoded.kind === 'transfers' ? decoded.transfers[0]?.id : 'id' in decoded ? decoded.id : undefined;
    ordered.push(Buffer.from(id ?? new Uint8Array()).toString('hex'));
    return answer();
  };
  const session = { mesh: { transact }, account: { owner: new Uint8Array(32) }, entropy: systemEntropy } as unknown as Session;
  const seen = { told: '', ordered };
  const sink = { write: (text: string) => (seen.told += text) };
  const out = new Output({ stdout: sink, stderr: sink, json: false, color: false });
  return Object.assign(seen, { context: { out, session: async () => session } as unknown as CommandContext });
}

const PAYMENTS = [
  {
    what: 'a transfer',
    run: (context: CommandContext, id?: string) => transfer(context, 'pool/rewards', '5', id === undefined ? {} : { paymentId: id }),
  },
  {
    what: 'a payment into an escrow',
    run: async (context: CommandContext, id?: string) =>
      fundEscrow(await context.session(), { app: 'hello', amount: 5n, payment: paymentOf(id, systemEntropy) }, context.out),
  },
];

describe.each(PAYMENTS)('$what', ({ run }) => {
  test('tells its id first, and has another one each time', async () => {
    const counting = counter(async () => ({ height: 7 }));
    await run(counting.context);
    await run(counting.context);
    expect(new Set(counting.ordered).size).toBe(2);
    for (const id of counting.ordered) expect(counting.told).toContain(`Ordering the payment ${id}`);
  });

  test('has the id that the command line names', async () => {
    const counting = counter(async () => ({ height: 7 }));
    await run(counting.context, NAMED);
    expect(counting.ordered).toEqual([NAMED]);
  });

  test('whose outcome is not known does not invite to pay again, and tells its id', async () => {
    for (const failure of [LOST, new DOMException('aborted', 'AbortError')]) {
      const { context, ordered } = counter(() => Promise.reject(failure));
      const paid = run(context);
      await expect(paid).rejects.toMatchObject({ code: 'cli.payment_open', retryable: false });
      await expect(paid).rejects.toMatchObject({ data: { paymentId: ordered[0], reason: failure.message } });
    }
  });

  test('that was refused, or can be repeated as it is, keeps its error', async () => {
    await expect(run(counter(() => Promise.reject(REFUSED)).context)).rejects.toBe(REFUSED);
    await expect(run(counter(() => Promise.reject(LOST)).context, NAMED)).rejects.toBe(LOST);
  });
});

test('what fails after a payment tells the id too', async () => {
  const payment = paymentOf(undefined, systemEntropy);
  await expect(payingOnce(payment, () => Promise.reject(LOST))).rejects.toMatchObject({
    code: 'cli.payment_open',
    data: { paymentId: Buffer.from(payment.id).toString('hex') },
  });
  expect(await payingOnce(payment, async () => 'done')).toBe('done');
});
