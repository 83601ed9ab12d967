export {
  createCaesarMachine,
  type CaesarMachineOptions,
  type CaesarOperation,
  caesarOperationCodec,
  CAESAR_MACHINE,
  CAESAR_MACHINE_VERSION,
} from './caesar-machine.ts';
export { escrowLeft } from './metering/bill.ts';
export { isSettled } from './settlement/charges.ts';
export type { BilledNode, BilledPlacement, PlacementView } from './settlement/placement-view.ts';
