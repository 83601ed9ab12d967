import { CodedError, type Entropy, encode } from '@hypermesh/stoq';
import { CAESAR_MACHINE, type CaesarOperation, caesarOperationCodec } from '@hypermesh/caesar/client';
import type { Receipt } from '@hypermesh/mesh/client';
import { cliError } from '../errors.ts';
import type { Output } from '../output.ts';
import type { Session } from '../session.ts';
import { hexOf } from '../text.ts';

/** The ledger books a payment once for each id, however often it is ordered. */
export interface Payment {
  readonly id: Uint8Array;
  /** Whether the command line named the id, so that the same command line pays once. */
  readonly named: boolean;
}

const PAYMENT_ID_BYTES = 16;

/** `id`: what `--payment-id` says, in hex. */
export function paymentOf(id: string | undefined, entropy: Entropy): Payment {
  if (id === undefined) return { id: entropy.bytes(PAYMENT_ID_BYTES), named: false };
  return { id: Uint8Array.from(Buffer.from(id, 'hex')), named: true };
}

/** Orders a payment, and tells its id before that. */
export async function pay(session: Session, payment: Payment, operation: CaesarOperation, out: Output): Promise<Receipt> {
  const { mesh, account, signal } = session;
  out.progress(`Ordering the payment ${hexOf(payment.id)}`);
  return payingOnce(payment, () => mesh.transact(account, CAESAR_MACHINE, [encode(caesarOperationCodec, operation)], { signal }));
}

/** A failure after which one would repeat the command becomes `cli.payment_open`, where repeating it would pay again. */
export async function payingOnce<T>({ id, named }: Payment, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    const isFinal = error instanceof CodedError && !error.retryable;
    if (named || isFinal) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw cliError('cli.payment_open', { paymentId: hexOf(id), reason }, { cause: error });
  }
}
