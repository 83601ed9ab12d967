export { type AtHeight, caesarContract, type CaesarMethods } from './api.ts';
export { type CaesarOperation, caesarOperationCodec, CAESAR_MACHINE } from './caesar-machine.ts';
export { UNITS_PER_CAES } from './constants.ts';
export { escrowAccount, ownerAccount } from './ledger/account.ts';
export { type AccountAnswer, type AuditAnswer, CAESAR_QUERIES, type EscrowAnswer } from './query.ts';
export { type Period } from './settlement/period.ts';
