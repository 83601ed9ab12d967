import { ownerAccount } from '@hypermesh/caesar/client';
import { formatCaes, parsePositiveCaes } from '../amount.ts';
import type { CommandContext } from '../command.ts';
import { hexOf } from '../text.ts';
import { accountNamed } from './account-name.ts';
import { pay, paymentOf } from './payment.ts';

export interface TransferOptions {
  readonly paymentId?: string;
}

export async function transfer(context: CommandContext, to: string, amountText: string, options: TransferOptions): Promise<void> {
  const amount = parsePositiveCaes(amountText);
  const session = await context.session();
  const payment = paymentOf(options.paymentId, session.entropy);
  const { id } = payment;
  const debit = ownerAccount(session.account.owner);
  const credit = await accountNamed(session, to);
  const posted = { id, kind: 'posted', debit, credit, amount, pendingId: null, expires: null } as const;
  const { height } = await pay(session, payment, { kind: 'transfers', transfers: [posted] }, context.out);
  context.out.result({ id: hexOf(id), debit, credit, amount, height }, () => `Paid ${formatCaes(amount)} CAES to ${credit}.`);
}
