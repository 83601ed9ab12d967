import { encode } from '@hypermesh/stoq';
import { CAESAR_MACHINE, caesarOperationCodec } from '@hypermesh/caesar/client';
import { caesarError } from '@hypermesh/caesar';
import { formatCaes, parsePositiveCaes } from '../amount.ts';
import { fundEscrow, readEscrow } from '../app/funding.ts';
import type { CommandContext } from '../command.ts';
import { usageError } from '../errors.ts';
import { paymentOf } from './payment.ts';

export interface EscrowOptions {
  readonly fund?: string;
  readonly close?: boolean;
  readonly paymentId?: string;
}

const TRANSFER_ID_BYTES = 16;

export async function escrow(context: CommandContext, app: string, options: EscrowOptions): Promise<void> {
  const { fund, close = false, paymentId } = options;
  if (close && fund !== undefined) throw usageError('Give one of --fund and --close');
  if (fund === undefined && paymentId !== undefined) throw usageError('--payment-id is for --fund');
  const amount = fund === undefined ? null : parsePositiveCaes(fund);
  const session = await context.session();
  if (close) {
    const { mesh, account, entropy, signal } = session;
    const operation = { kind: 'escrow.close', id: entropy.bytes(TRANSFER_ID_BYTES), app } as const;
    const { height } = await mesh.transact(account, CAESAR_MACHINE, [encode(caesarOperationCodec, operation)], { signal });
    return context.out.result({ app, open: false, height }, () => `Closed the escrow of ${app}; the rest is yours again.`);
  }
  if (amount !== null) await fundEscrow(session, { app, amount, payment: paymentOf(paymentId, session.entropy) }, context.out);
  const found = await readEscrow(session, app);
  if (found === null) throw caesarError('caesar.escrow_unknown', { app });
  context.out.result({ app, open: true, ...found }, () =>
    context.out.fields([
      ['app', app],
      ['available', `${formatCaes(found.available)} CAES`],
      ['deposited', `${formatCaes(found.deposited)} CAES`],
      ['spent', `${formatCaes(found.spent)} CAES`],
    ]),
  );
}
