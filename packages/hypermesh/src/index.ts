export * from './errors.ts';
export type * from './machine/machine.ts';
export type * from './runtime/driver.ts';
export { type Agent, type AgentComponents, createAgent } from './agent/agent.ts';
export { bootClock, type BootClock, processStartTime } from './agent/boot-clock.ts';
export type * from './agent/desired.ts';
export { createLeaseKeeper, deadlineOf, type LeaseKeeper, type LeaseKeeperComponents } from './agent/lease-keeper.ts';
export { createDesiredState, type DesiredStateComponents } from './agent/mesh-desired-state.ts';
export type * from './agent/mesh-source.ts';
export { createReportQueue, type ReportQueue, type ReportQueueComponents } from './agent/report-queue.ts';
export { allocatable, detectAssets } from './assets/detection.ts';
export {
  APP_DOCUMENT_BYTES_MAX,
  type AppDocument,
  type PackageReference,
  parseAppDocument,
  resolveApp,
} from './mesh-machine/app-document.ts';
export type { Endpoint } from './mesh-machine/endpoint.ts';
export { type Committee, type CommitteeComponents, createCommittee } from './proof/committee.ts';
export { type ProofAnswer, verifyAnswer } from './proof/answer.ts';
export { proofContract, type ProofMethods } from './proof/contract.ts';
export { openPlot, type Plot } from './proof/plot-file.ts';
export { createProofKeeper, type ProofKeeper, type ProofKeeperComponents } from './proof/proof-keeper.ts';
export { openProvenance, type ProvenanceChain, type ProvenanceEntry, verifyChain } from './proof/provenance.ts';
export { type CommitteePeer, proveWindow, type ProverComponents } from './proof/prover.ts';
export { type Action, type HeldPlacement, reconcile, restartDelay, RESTART_MS_MAX, RESTART_MS_MIN } from './agent/reconcile.ts';
export { startWatchdog, type Watchdog } from './agent/watchdog.ts';
export { Balancer, type Choice, type Outcome } from './ingress/balancer.ts';
export { ATTEMPTS_MAX, Dispatcher, type DispatcherComponents, type ReplicaCall } from './ingress/dispatcher.ts';
export { createIngress, type Ingress, type IngressConfig, routeOf, type ServiceHandler } from './ingress/ingress.ts';
export { createReplicaCall, type ReplicaCallComponents } from './ingress/replica-call.ts';
export * from './ingress/workload-contract.ts';
export { createWorkloadService, type WorkloadServiceComponents } from './ingress/workload-service.ts';
export {
  type Block,
  blockCodec,
  blockIdOf,
  type ChainBlock,
  chainBlockCodec,
  genesisBlock,
  type GenesisBlockInput,
  genesisCertificate,
} from './consensus/block.ts';
export {
  highestRoundOf,
  type QuorumCertificate,
  quorumCertificateCodec,
  type TimeoutCertificate,
  timeoutCertificateCodec,
  votersOf,
} from './consensus/certificate.ts';
export type * from './consensus/consensus.ts';
export * from './consensus/constants.ts';
export type * from './consensus/events.ts';
export { type Evidence, evidenceCodec, verifyEvidence } from './consensus/evidence.ts';
export * from './consensus/messages.ts';
export { type SafetyState, safetyStateCodec } from './consensus/safety-state.ts';
export * from './consensus/statements.ts';
export { createValidatorSet, type ValidatorSet } from './consensus/validator-set.ts';
export { type AccountRules } from './executor/accounts.ts';
export { type OrderedBlock } from './executor/block-run.ts';
export { createExecutor, type ExecutedBlock, type Executor, type ExecutorComponents } from './executor/executor.ts';
export { verifyTreeProof, type TreeProof } from './state/sparse-tree.ts';
export { StateStore } from './state/state-store.ts';
export { type Receipt, receiptCodec, type ReceiptProof, receiptProofCodec, verifyReceipt } from './transaction/receipt.ts';
export { SignatureVerifier } from './transaction/signature-verifier.ts';
export {
  type DecodedTransaction,
  decodeTransaction,
  OPERATION_COUNT_MAX,
  signTransaction,
  type Transaction,
  TRANSACTION_BYTES_MAX,
  type TransactionBody,
} from './transaction/transaction.ts';
export * from './runtime/output-lines.ts';
export { createOciDriver } from './runtime/oci/oci-driver.ts';
export { createConsensus } from './consensus/core.ts';
export * from './api.ts';
export { createMeshClient, type MeshAccount, type MeshClient, type MeshClientConfig, type TransactOptions } from './client/mesh-client.ts';
export { validatorTargets } from './client/validator-targets.ts';
export { type LogReader } from './executor/log-reader.ts';
export { createFollower, type Follower, type FollowerComponents, type FollowerConfig, type FollowerStatus } from './follower/follower.ts';
export { consensusContract, type ConsensusMethods } from './validator/consensus-contract.ts';
export { createValidator, type Validator, type ValidatorComponents, type ValidatorConfig } from './validator/validator.ts';
export { createHypermesh, type Hypermesh } from './hypermesh.ts';
export type { HypermeshComponents, HypermeshConfig, HypermeshSecrets, Metering } from './node/node-components.ts';
