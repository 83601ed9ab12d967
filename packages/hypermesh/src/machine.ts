export type * from './machine/machine.ts';
export { SPENT } from './machine/machine.ts';
export { ask, type Query, type QuerySource } from './machine/query.ts';
export { MESH_MACHINE, meshAccounts } from './mesh-machine/accounts.ts';
export { createMeshMachine, MESH_MACHINE_VERSION, type MeshMachineOptions } from './mesh-machine/mesh-machine.ts';
export type { BundleCheck, BundleIdentity } from './mesh-machine/membership.ts';
export * from './mesh-machine/operation.ts';
export * from './mesh-machine/query.ts';
export { MESH_PARAMETERS, type MeshParameters, readParameters } from './mesh-machine/parameters.ts';
export {
  allCommittee,
  type CommitteeMember,
  type Member,
  memberKey,
  memberOf,
  readCommitteeMember,
  readMember,
} from './mesh-machine/member.ts';
export { type Invitation, readInvitation } from './mesh-machine/invitation.ts';
export { type Phase, readPhase } from './mesh-machine/phase.ts';
export { type Asset, ASSET_TRANSITIONS, assetIdOf, type AssetKind, type AssetState, type DetectedAsset } from './mesh-machine/asset.ts';
export { type Capacity, type MeshNode, type NodeDescription, readNode, readUsage, type Usage } from './mesh-machine/node.ts';
export { heldLease, type Lease, type LeaseGrant, leaseGrantCodec, readLease } from './mesh-machine/lease.ts';
export { type ChallengeWindow, readWindow } from './mesh-machine/window.ts';
export {
  type CommitteeSignature,
  currentVerdict,
  nextStatement,
  readVerdict,
  type Verdict,
  verdictMessage,
  type VerdictStatement,
} from './mesh-machine/verdict.ts';
export type { OperationProof } from './mesh-machine/operation-proof.ts';
export {
  allApps,
  type App,
  APP_BOUNDS,
  type AppPackage,
  type AppSpec,
  appSpecCodec,
  assertAppSpec,
  type HealthCheck,
  readApp,
  specOf,
} from './mesh-machine/app.ts';
export { allPlacements, type Placement, type PlacementPhase, placementsOfNode, readPlacement } from './mesh-machine/placement.ts';
export { type Endpoint, endpointsOf } from './mesh-machine/endpoint.ts';
export type { LeasedTime } from './mesh-machine/leased-time.ts';
export { type FundsView, type MeshBilledPlacement, type MeshPlacementView, placementView } from './mesh-machine/views.ts';
export { type Candidate, type Choice, type Demand, schedule } from './scheduler/schedule.ts';
export { MachineState } from './state/machine-state.ts';
export { Overlay } from './state/overlay.ts';
