import { encode } from '@hypermesh/stoq';
import { CAESAR_MACHINE, caesarOperationCodec, type EscrowAnswer } from '@hypermesh/caesar/client';
import { caesarError } from '@hypermesh/caesar';
import { formatCaes, parsePositiveCaes } from '../amount.ts';
import { fundEscrow, readEscrow } from '../app/funding.ts';
import type { CommandContext } from '../command.ts';
import { usageError } from '../errors.ts';
import type { Session } from '../session.ts';
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
  if (close) return closeEscrow(context, session, app);
  if (amount !== null) await fundEscrow(session, { app, amount, payment: paymentOf(paymentId, session.entropy) }, context.out);
  const found = await openEscrow(session, app);
  context.out.result({ app, open: true, ...found }, () =>
    context.out.fields([
      ['app', app],
      ['available', `${formatCaes(found.available)} CAES`],
      ['deposited', `${formatCaes(found.deposited)} CAES`],
      ['spent', `${formatCaes(found.spent)} CAES`],
    ]),
  );
}

/** Tells what was spent as well: of a closed escrow nobody can ask any more. */
async function closeEscrow({ out }: CommandContext, session: Session, app: string): Promise<void> {
  const { mesh, account, entropy, signal } = session;
  const { available: returned, spent } = await openEscrow(session, app);
  const operation = { kind: 'escrow.close', id: entropy.bytes(TRANSFER_ID_BYTES), app } as const;
  const { height } = await mesh.transact(account, CAESAR_MACHINE, [encode(caesarOperationCodec, operation)], { signal });
  out.result(
    { app, open: false, height, spent, returned },
    () => `Closed the escrow of ${app}: ${formatCaes(spent)} CAES spent, ${formatCaes(returned)} CAES are yours again.`,
  );
}

/** Throws `caesar.escrow_unknown`. */
async function openEscrow(session: Session, app: string): Promise<EscrowAnswer> {
  const found = await readEscrow(session, app);
  if (found === null) throw caesarError('caesar.escrow_unknown', { app });
  return found;
}
