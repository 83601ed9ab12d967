export * from './api.ts';
export {
  createCaesarMachine,
  type CaesarMachineOptions,
  type CaesarOperation,
  caesarOperationCodec,
  CAESAR_MACHINE,
  CAESAR_MACHINE_VERSION,
  LINKED_TRANSFERS_MAX,
} from './caesar-machine.ts';
export * from './constants.ts';
export * from './errors.ts';
export * from './escrow/escrow.ts';
export * from './ledger/account.ts';
export { type Journal, readAccount, readJournal, readTotal } from './ledger/books.ts';
export * from './ledger/ledger.ts';
export * from './ledger/transfer.ts';
export * from './metering/bill.ts';
export * from './metering/price.ts';
export * from './metering/request-count.ts';
export * from './query.ts';
export * from './settlement/charges.ts';
export * from './settlement/period.ts';
export type * from './settlement/placement-view.ts';
export { type Caesard, type CaesardComponents, type CaesardConfig, type CaesardSecrets, createCaesard } from './caesard.ts';
export { closeOperation } from './settlement/period-closer.ts';
