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
export { FollowAssembler, type FollowedBlock } from './follower/follow-assembler.ts';
export { LogVerifier } from './follower/log-verifier.ts';
export { type Receipt } from './transaction/receipt.ts';
export { type DecodedTransaction, signTransaction, type TransactionBody } from './transaction/transaction.ts';
export { joinMesh, type JoinRequest } from './client/join.ts';
export { queryMesh } from './client/mesh-query.ts';
export { MESH_MACHINE } from './mesh-machine/accounts.ts';
export * from './mesh-machine/operation.ts';
export { type AppAnswer, MESH_QUERIES, type MeshQueries, type NodeAnswer } from './mesh-machine/query.ts';
export { orderSponsored, type SponsoredOptions } from './client/sponsorship.ts';
export { LOG_LINES_MAX } from './runtime/output-lines.ts';
export { type ReplicaLogs, type ReplicaLogsRequest, workloadContract, type WorkloadMethods } from './ingress/workload-contract.ts';
