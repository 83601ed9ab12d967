import { decode, encode } from '@hypermesh/stoq';
import { CAESAR_MACHINE, CAESAR_QUERIES, type EscrowAnswer, UNITS_PER_CAES } from '@hypermesh/caesar/client';
import { formatCaes } from '../amount.ts';
import { pay, type Payment } from '../ledger/payment.ts';
import type { Output } from '../output.ts';
import type { Session } from '../session.ts';

// Three small replicas (0.1 core, 64 MiB: about 0.013 CAES an hour each) run for ten days on this.
const DEFAULT_FUND_UNITS: bigint = 10n * UNITS_PER_CAES;

/** The escrow as the validators have it now; null where none is open. */
export async function readEscrow({ mesh, account, signal }: Session, app: string): Promise<EscrowAnswer | null> {
  const { escrow } = CAESAR_QUERIES;
  const { result } = await mesh.query(CAESAR_MACHINE, 'escrow', encode(escrow.argument, { owner: account.owner, app }), { signal });
  return decode(escrow.answer, result);
}

export interface Funding {
  readonly app: string;
  /** Units; null for enough to begin with where there is nothing. */
  readonly amount: bigint | null;
  readonly payment: Payment;
}

/** Adds the wanted amount, or enough to begin with where there is nothing. Answers what was added, in units. */
export async function ensureFunds(session: Session, { app, amount: wanted, payment }: Funding, out: Output): Promise<bigint> {
  const amount = wanted ?? (((await readEscrow(session, app))?.available ?? 0n) === 0n ? DEFAULT_FUND_UNITS : 0n);
  if (amount === 0n) return 0n;
  await fundEscrow(session, { app, amount, payment }, out);
  out.progress(`Put ${formatCaes(amount)} CAES into the escrow of ${app}`);
  return amount;
}

export async function fundEscrow(
  session: Session,
  { app, amount, payment }: Funding & { readonly amount: bigint },
  out: Output,
): Promise<void> {
  await pay(session, payment, { kind: 'escrow.fund', id: payment.id, app, amount }, out);
}
