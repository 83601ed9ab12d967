import { defineErrors, type ErrorFactory } from '@hypermesh/stoq';

const catalogue = {
  'caesar.amount_invalid': { message: 'The amount must be a positive number of units within the supply', retryable: false },
  'caesar.account_invalid': { message: 'The account name is malformed', retryable: false },
  'caesar.account_unknown': { message: 'No such account exists', retryable: false },
  'caesar.account_same': { message: 'Debit and credit account must differ', retryable: false },
  'caesar.funds_insufficient': { message: 'The account does not hold enough unreserved funds', retryable: true },
  'caesar.transfer_conflict': { message: 'The transfer id was used before for a different transfer', retryable: false },
  'caesar.transfer_unknown': { message: 'No such pending transfer exists', retryable: false },
  'caesar.transfer_settled': { message: 'The pending transfer was posted, voided or has expired', retryable: false },
  'caesar.not_authorised': { message: 'Only the owner of the account may do that', retryable: false },
  'caesar.escrow_unknown': { message: 'The owner has no open escrow for that app', retryable: false },
  'caesar.escrow_in_use': {
    message: 'The app still has placements that are not settled; remove it and wait for the period',
    retryable: true,
  },
  'caesar.period_too_early': { message: 'The period cannot be closed yet', retryable: true },
  'caesar.count_forged': { message: 'The countersignature of the request count does not verify', retryable: false },
  'caesar.count_excessive': { message: 'The request count is more than the placement can have answered', retryable: false },
  'caesar.count_self_dealing': { message: 'The ingress that countersigns belongs to the same owner as the provider', retryable: false },
  'caesar.placement_unknown': { message: 'No placement of that id is known', retryable: false },
  'caesar.operation_malformed': { message: 'The operation is malformed', retryable: false },
  'caesar.query_unknown': { message: 'No such query exists', retryable: false },
  'caesar.genesis_invalid': { message: 'The genesis pools do not add up to the fixed supply', retryable: false },
} as const;

export type CaesarErrorCode = keyof typeof catalogue;

/** Errors of this package. */
export const caesarError: ErrorFactory<CaesarErrorCode> = defineErrors(catalogue);
