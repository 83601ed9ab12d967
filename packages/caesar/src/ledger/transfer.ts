import { bigUint, bytes, type Codec, oneOf, optional, struct, text, uint } from '@hypermesh/stoq';
import { ACCOUNT_NAME_LENGTH_MAX } from './account.ts';

export type TransferKind = 'posted' | 'pending' | 'post' | 'void';

/** One entry of the journal; `post` and `void` settle the pending transfer `pendingId`. */
export interface Transfer {
  /** Chosen by the client, 16 bytes, unique for its author: a retry with the same content is harmless. */
  readonly id: Uint8Array;
  readonly kind: TransferKind;
  readonly debit: string;
  readonly credit: string;
  /** Units of 1e-9 CAES. */
  readonly amount: bigint;
  readonly pendingId: Uint8Array | null;
  /** Block time in milliseconds at which a pending transfer lapses. */
  readonly expires: number | null;
}

export type TransferState = 'posted' | 'pending' | 'voided' | 'expired';

/** What the ledger keeps of a transfer. */
export interface TransferRecord extends Transfer {
  readonly state: TransferState;
  /** Block time, milliseconds. */
  readonly time: number;
}

const fields = {
  id: bytes(16),
  kind: oneOf('posted', 'pending', 'post', 'void'),
  debit: text(ACCOUNT_NAME_LENGTH_MAX),
  credit: text(ACCOUNT_NAME_LENGTH_MAX),
  amount: bigUint(63),
  pendingId: optional(bytes(16)),
  expires: optional(uint()),
} as const;

export const transferCodec: Codec<Transfer> = struct(fields);

export const transferRecordCodec: Codec<TransferRecord> = struct({
  ...fields,
  state: oneOf('posted', 'pending', 'voided', 'expired'),
  time: uint(),
});
