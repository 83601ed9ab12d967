export * from './errors.ts';
export * from './api.ts';
export {
  createMeshClient,
  type MeshAccount,
  type MeshClient,
  type MeshClientComponents,
  type MeshClientConfig,
  type TransactOptions,
} from './client/mesh-client.ts';
export { validatorTargets } from './client/validator-targets.ts';
export { type Receipt } from './transaction/receipt.ts';
export { type DecodedTransaction, signTransaction, type TransactionBody } from './transaction/transaction.ts';
