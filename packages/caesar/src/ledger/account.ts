import { bigUint, bool, type Codec, formatId, struct, uint128 } from '@hypermesh/stoq';
import { caesarError } from '../errors.ts';

/**
 * One account of the double-entry ledger; amounts in units of 1e-9 CAES.
 * `limited`: debits, pending ones included, must not exceed posted credits. Only the issuance account is not limited.
 */
export interface Account {
  readonly limited: boolean;
  readonly debitsPending: bigint;
  readonly debitsPosted: bigint;
  readonly creditsPending: bigint;
  readonly creditsPosted: bigint;
}

export const accountCodec: Codec<Account> = struct({
  limited: bool,
  // What is reserved is held by somebody, so the supply bounds it; what has passed through an account only grows.
  debitsPending: bigUint(64),
  debitsPosted: uint128,
  creditsPending: bigUint(64),
  creditsPosted: uint128,
});

export const EMPTY_ACCOUNT: Account = {
  limited: true,
  debitsPending: 0n,
  debitsPosted: 0n,
  creditsPending: 0n,
  creditsPosted: 0n,
};

/** The source of the whole supply; its debits equal all that was ever issued. */
export const ISSUANCE: string = 'issuance';

// Longest: `escrow/node:<52>/<app name of 63>`.
export const ACCOUNT_NAME_LENGTH_MAX: number = 160;

const ACCOUNT_NAME = /^(?:issuance|(?:pool|owner|escrow)\/[a-z0-9][a-z0-9:./-]*)$/u;

export function assertAccountName(name: string): void {
  if (name.length > ACCOUNT_NAME_LENGTH_MAX || !ACCOUNT_NAME.test(name)) throw caesarError('caesar.account_invalid');
}

/** The account of a transaction owner (32-byte id). */
export function ownerAccount(owner: Uint8Array): string {
  return `owner/${formatId('node', owner)}`;
}

/** The account that holds the escrow of one app of one owner. */
export function escrowAccount(owner: Uint8Array, app: string): string {
  return `escrow/${formatId('node', owner)}/${app}`;
}

/** What the account may still spend. */
export function available(account: Account): bigint {
  return account.creditsPosted - account.debitsPosted - account.debitsPending;
}

/** What the account holds, reserved or not; negative for the issuance account only. */
export function balance(account: Account): bigint {
  return account.creditsPosted - account.debitsPosted;
}
