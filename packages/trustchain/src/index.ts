export * from './errors.ts';
export * from './constants.ts';
export { type Bundle, bundleCodec, decodeBundle, encodeBundle } from './certificate/bundle.ts';
export { type AlternativeNames, assertPlainName } from './certificate/alternative-names.ts';
export { type Certificate, type CertificateBody, parseCertificate } from './certificate/certificate.ts';
export { publicKeyOf, type SigningPair } from './certificate/issuance.ts';
export type { MeshIdentity } from './certificate/mesh-identity.ts';
export { keyIdOf, lint, type ProfileName } from './certificate/profile.ts';
export { type CertificateRequest, createRequest, parseRequest, type RequestFields } from './certificate/request.ts';
export { type AuthorityComponents, createIntermediate, createRoot } from './ca/authority.ts';
export * from './genesis/genesis.ts';
export { nodeIdOf, nodeNameOf, nodeUriOf } from './genesis/ids.ts';
export { GENESIS_VERSION, TRUSTCHAIND_NAME } from './genesis/validation.ts';
export { createKeystore, type Keystore, type KeystoreComponents, loadSigningPair, openKeystore, readPassphrase } from './keys/keystore.ts';
export { type Checkpoint, formatCheckpoint, parseCheckpoint, type SignedCheckpoint } from './note/checkpoint.ts';
export { cosign, type Cosigner, cosignerKeyId, verifyCosignature } from './note/cosignature.ts';
export { type LogKeys, type LogSigners, signNoteText, verifyLogSignatures } from './note/log-signature.ts';
export { formatNote, type Note, type NoteSignature, parseNote } from './note/note.ts';
export type { CheckpointWitnesses, CosignRequest } from './log/commit.ts';
export { createLogFiles, type LogFiles } from './log/files.ts';
export { createLog, type Log, type LogComponents, type LogConfig, openLog } from './log/log.ts';
export { EMPTY_ROOT, leafHash, nodeHash, verifyConsistency, verifyInclusion } from './log/merkle.ts';
export { EMPTY_TREE, growTree, rootOf } from './log/tree.ts';
export type { LogReceipt } from './log/pending-entry.ts';
export { decodeEntries, encodeEntries, ENTRY_BYTES_MAX, formatTilePath, parseTilePath, TILE_WIDTH, type TileName } from './log/tile.ts';
export { type CertificateStatus, type LogName, trustchainContract, type TrustchainMethods, type TrustRoots } from './api.ts';
export { type Grant, isInZone } from './enrolment/name-policy.ts';
export { formatJoinToken, type JoinToken, parseJoinToken, tokenHashOf } from './enrolment/join-token.ts';
export { type PossessionProof, type PossessionStatement, provePossession } from './enrolment/possession.ts';
export type { RecordSet, RecordType } from './names/record.ts';
export { issuancePolicyContract, type IssuancePolicyMethods } from './policy/contract.ts';
export { createTokenPolicy, type IssuancePolicy } from './policy/policy.ts';
export * from './policy/question.ts';
export { createQuorumPolicy, type PolicyMember } from './policy/quorum-policy.ts';
export * from './revocation/revocation.ts';
export {
  type BundleVerification,
  createVerificationCache,
  type Identity,
  type VerificationCache,
  verifyBundle,
} from './verification/bundle-verification.ts';
export {
  type CheckpointCache,
  type CheckpointVerification,
  createCheckpointCache,
  type LogProof,
  verifyCheckpoint,
  verifyLogProof,
} from './verification/checkpoint-verification.ts';
export {
  decodeKeyClaim,
  decodeSetEntryClaim,
  encodeKeyClaim,
  encodeSetEntryClaim,
  type KeyClaim,
  keyClaimId,
  type SetEntryClaim,
} from './verification/identity-message.ts';
export {
  type AcceptedIdentities,
  createIdentityVerifier,
  type IdentityVerifierComponents,
  type PinnedPeer,
  type RevocationSource,
} from './verification/identity-verifier.ts';
export {
  type BundleIdentity,
  createBundleIdentity,
  createPinnedIdentity,
  createRawKeyIdentity,
  createSetEntryIdentity,
} from './verification/local-identity.ts';
export { genesisSetEntries, type SetEntries, type SetEntry } from './verification/set-entries.ts';
export { createTrust, type Trust, type TrustComponents } from './verification/trust.ts';
export * from './witness/policy.ts';
export { type KeyNames, IDENTITY_KEY, ISSUER_KEY, KEM_KEY, logKeyNames, ROOT_KEY, VOTE_KEY, WITNESS_KEY } from './init/key-plan.ts';
export { createMesh, type MeshComponents, type NewMesh } from './init/mesh.ts';
export { type MeshFile, writeMesh } from './init/mesh-files.ts';
export * from './init/plan.ts';
export {
  createRevocationLog,
  REVOCATION_PUBLISH_INTERVAL_MS,
  type RevocationLog,
  type RevocationLogComponents,
  type RevocationRequest,
} from './revocation/revocation-log.ts';
export { createRevocationState, type RevocationState, type RevocationStateComponents } from './revocation/revocation-state.ts';
export { REVOCATION_COUNT_MAX, REVOCATION_LIFETIME_MS, REVOCATION_UPDATE_BYTES_MAX } from './revocation/update.ts';
export { type CosignMessage, type PolicyAnswer, witnessContract, type WitnessMethods } from './witness/contract.ts';
export {
  createWitness,
  createWitnessHandlers,
  type Witness,
  type WitnessComponents,
  type WitnessConfig,
  type WitnessService,
} from './witness/witness.ts';
export { collectWitnessPolicy, createWitnessQuorum, type WitnessPeer, type WitnessQuorumComponents } from './witness/witness-quorum.ts';
export { openWitnessStore, type WitnessStore } from './witness/witness-store.ts';
export { loadTrustchainSecrets, type TrustchainConfig, trustchainConfigSchema, type TrustchainSecrets } from './config.ts';
export { createTrustchain, createTrustchaind, type Trustchain, type TrustchainComponents } from './trustchain.ts';
