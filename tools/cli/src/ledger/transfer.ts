import { encode } from '@hypermesh/stoq';
import { CAESAR_MACHINE, caesarOperationCodec, ownerAccount } from '@hypermesh/caesar/client';
import { formatCaes, parsePositiveCaes } from '../amount.ts';
import type { CommandContext } from '../command.ts';
import { hexOf } from '../text.ts';
import { accountNamed } from './account-name.ts';

const TRANSFER_ID_BYTES = 16;

export async function transfer(context: CommandContext, to: string, amountText: string): Promise<void> {
  const amount = parsePositiveCaes(amountText);
  const session = await context.session();
  const { mesh, account, entropy, signal } = session;
  const debit = ownerAccount(account.owner);
  const credit = await accountNamed(session, to);
  const id = entropy.bytes(TRANSFER_ID_BYTES);
  const posted = { id, kind: 'posted', debit, credit, amount, pendingId: null, expires: null } as const;
  const operation = encode(caesarOperationCodec, { kind: 'transfers', transfers: [posted] });
  const { height } = await mesh.transact(account, CAESAR_MACHINE, [operation], { signal });
  context.out.result({ id: hexOf(id), debit, credit, amount, height }, () => `Paid ${formatCaes(amount)} CAES to ${credit}.`);
}
