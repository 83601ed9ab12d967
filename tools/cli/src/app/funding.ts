import { decode, encode } from '@hypermesh/stoq';
import { CAESAR_MACHINE, CAESAR_QUERIES, caesarOperationCodec, type EscrowAnswer, UNITS_PER_CAES } from '@hypermesh/caesar/client';
import { formatCaes } from '../amount.ts';
import type { Output } from '../output.ts';
import type { Session } from '../session.ts';

// Three small replicas (0.1 core, 64 MiB: about 0.013 CAES an hour each) run for ten days on this.
const DEFAULT_FUND_UNITS: bigint = 10n * UNITS_PER_CAES;
const TRANSFER_ID_BYTES = 16;

/** The escrow as the validators have it now; null where none is open. */
export async function readEscrow({ mesh, account, signal }: Session, app: string): Promise<EscrowAnswer | null> {
  const { escrow } = CAESAR_QUERIES;
  const { result } = await mesh.query(CAESAR_MACHINE, 'escrow', encode(escrow.argument, { owner: account.owner, app }), { signal });
  return decode(escrow.answer, result);
}

/** Adds the wanted amount, or enough to begin with where there is nothing. Answers what was added, in units. */
export async function ensureFunds(session: Session, app: string, wanted: bigint | null, out: Output): Promise<bigint> {
  const available = (await readEscrow(session, app))?.available ?? 0n;
  const amount = wanted ?? (available === 0n ? DEFAULT_FUND_UNITS : 0n);
  if (amount === 0n) return 0n;
  await fundEscrow(session, app, amount);
  out.progress(`Put ${formatCaes(amount)} CAES into the escrow of ${app}`);
  return amount;
}

export async function fundEscrow({ mesh, account, entropy, signal }: Session, app: string, amount: bigint): Promise<void> {
  const operation = { kind: 'escrow.fund', id: entropy.bytes(TRANSFER_ID_BYTES), app, amount } as const;
  await mesh.transact(account, CAESAR_MACHINE, [encode(caesarOperationCodec, operation)], { signal });
}
