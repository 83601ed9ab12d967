import { defineErrors, type ErrorFactory } from '@hypermesh/stoq';

/** Errors of this package. */
export const trustError: ErrorFactory<TrustErrorCode> = defineErrors({
  'trustchain.certificate_malformed': {
    message: 'The certificate or request is not strict DER of the expected form',
    retryable: false,
  },
  'trustchain.certificate_expired': { message: 'The certificate has expired', retryable: false },
  'trustchain.certificate_not_yet_valid': {
    message: 'The certificate is not valid yet; check the clocks',
    retryable: true,
  },
  'trustchain.certificate_revoked': { message: 'The certificate is revoked', retryable: false },
  'trustchain.certificate_unlogged': {
    message: 'The checkpoint of the bundle does not cover the certificate',
    retryable: false,
  },
  'trustchain.chain_untrusted': {
    message: 'The certificate does not lead to a root of this mesh',
    retryable: false,
  },
  'trustchain.mesh_mismatch': { message: 'The object belongs to another mesh', retryable: false },
  'trustchain.signature_stripped': {
    message: 'One leg of the hybrid signature or key is missing',
    retryable: false,
  },
  'trustchain.signature_failed': { message: 'A signature does not verify', retryable: false },
  'trustchain.algorithm_refused': {
    message: 'The algorithm is not one that this profile allows',
    retryable: false,
  },
  'trustchain.profile_violated': {
    message: 'The certificate breaks its profile',
    retryable: false,
  },
  'trustchain.node_id_mismatch': {
    message: 'The node id is not the hash of the certified FALCON key',
    retryable: false,
  },
  'trustchain.bundle_malformed': {
    message: 'The certificate bundle is malformed',
    retryable: false,
  },
  'trustchain.proof_failed': {
    message: 'The inclusion proof does not lead to the root of the checkpoint',
    retryable: false,
  },
  'trustchain.checkpoint_malformed': {
    message: 'The checkpoint is not a well-formed signed note',
    retryable: false,
  },
  'trustchain.checkpoint_unsigned': {
    message: 'The checkpoint lacks a valid signature of the log by both keys',
    retryable: false,
  },
  'trustchain.witness_quorum_missing': {
    message: 'Too few witnesses have cosigned the checkpoint',
    retryable: true,
  },
  'trustchain.witness_refused': {
    message: 'A witness refused to cosign the checkpoint',
    retryable: true,
  },
  'trustchain.witness_policy_refused': {
    message: 'The witness policy does not follow from the one held',
    retryable: false,
  },
  'trustchain.witness_policy_malformed': { message: 'The witness policy is malformed', retryable: false },
  'trustchain.identity_malformed': { message: 'The identity message is malformed', retryable: false },
  'trustchain.revocation_stale': {
    message: 'No revocation snapshot is current; fetch a newer one',
    retryable: true,
  },
  'trustchain.revocation_malformed': {
    message: 'The revocation snapshot or delta is malformed',
    retryable: false,
  },
  'trustchain.revocation_rollback': {
    message: 'The revocation snapshot is older than the one already held',
    retryable: false,
  },
  'trustchain.revocation_refused': {
    message: 'The caller may not revoke that certificate',
    retryable: false,
  },
  'trustchain.revocation_full': {
    message: 'The revocation log takes no more revocations of that kind',
    retryable: false,
  },
  'trustchain.serial_unknown': {
    message: 'No certificate with that serial is in the log',
    retryable: false,
  },
  'trustchain.identity_unknown': { message: 'No set entry has that name', retryable: false },
  'trustchain.identity_kind_refused': {
    message: 'This side does not accept that kind of identity',
    retryable: false,
  },
  'trustchain.enrolment_refused': { message: 'The enrolment is refused', retryable: false },
  'trustchain.enrolment_overload': {
    message: 'Too many enrolments are under way',
    retryable: true,
  },
  'trustchain.challenge_unknown': {
    message: 'The enrolment challenge is unknown or has expired; ask for a new one',
    retryable: true,
  },
  'trustchain.possession_failed': {
    message: 'The requester did not prove that it holds a key of the request',
    retryable: false,
  },
  'trustchain.name_refused': {
    message: 'The certificate request asks for a name that it may not have',
    retryable: false,
  },
  'trustchain.token_invalid': {
    message: 'The join token is malformed, unknown or expired',
    retryable: false,
  },
  'trustchain.token_used': { message: 'The join token has been used', retryable: false },
  'trustchain.policy_pending': {
    message: 'The issuance policy has not decided yet',
    retryable: true,
  },
  'trustchain.policy_failed': {
    message: 'The issuance policy could not be asked, so nothing is issued',
    retryable: true,
  },
  'trustchain.policy_refused': {
    message: 'The issuance policy refuses the request',
    retryable: false,
  },
  'trustchain.question_malformed': {
    message: 'The question to the issuance policy is malformed',
    retryable: false,
  },
  'trustchain.rate_limited': { message: 'The caller asks more often than it may', retryable: true },
  'trustchain.mesh_exists': { message: 'The directory already holds a mesh; it is not overwritten', retryable: false },
  'trustchain.state_corrupt': {
    message: 'The state of the daemon on disk is damaged; restore it from a backup',
    retryable: false,
  },
  'trustchain.genesis_malformed': {
    message: 'The genesis document is malformed',
    retryable: false,
  },
  'trustchain.keystore_locked': {
    message: 'The passphrase does not open the keystore',
    retryable: false,
  },
  'trustchain.keystore_corrupt': {
    message: 'The keystore file is damaged; restore it from a backup',
    retryable: false,
  },
  'trustchain.keystore_exists': {
    message: 'A keystore is already there; it is not overwritten',
    retryable: false,
  },
  'trustchain.keystore_missing': { message: 'There is no keystore at that path', retryable: false },
  'trustchain.keystore_exposed': {
    message: 'The keystore or passphrase file is readable by others; set mode 0600',
    retryable: false,
  },
  'trustchain.keystore_closed': { message: 'The keystore is closed', retryable: false },
  'trustchain.key_unknown': { message: 'The keystore holds no such key', retryable: false },
  'trustchain.log_missing': { message: 'There is no log in that directory', retryable: false },
  'trustchain.log_exists': {
    message: 'A log is already there; it is not overwritten',
    retryable: false,
  },
  'trustchain.log_corrupt': {
    message: 'The log on disk is damaged; rebuild it from mirrored tiles',
    retryable: false,
  },
  'trustchain.log_inconsistent': {
    message: 'Two checkpoints of the log contradict each other',
    retryable: false,
  },
  'trustchain.log_locked': { message: 'Another process has the log open', retryable: true },
  'trustchain.log_closed': { message: 'The log is closed', retryable: true },
  'trustchain.log_overload': { message: 'The log has too many entries waiting', retryable: true },
  'trustchain.log_range': { message: 'The log has no such index, tile or size', retryable: false },
  'trustchain.entry_malformed': {
    message: 'The log entry is malformed or too large',
    retryable: false,
  },
  'trustchain.name_malformed': { message: 'The name is malformed', retryable: false },
  'trustchain.name_unknown': { message: 'The name does not exist', retryable: false },
  'trustchain.name_taken': { message: 'The name belongs to somebody else', retryable: false },
  'trustchain.zone_full': { message: 'The zone holds as many names as it may', retryable: true },
  'trustchain.zone_invalid': {
    message: 'The zone or a signature of it is invalid',
    retryable: false,
  },
  'trustchain.config_invalid': { message: 'The configuration is invalid', retryable: false },
  'trustchain.unsupported': {
    message: 'This version does not support the feature',
    retryable: false,
  },
});

export type TrustErrorCode =
  | `trustchain.certificate_${'malformed' | 'expired' | 'not_yet_valid' | 'revoked' | 'unlogged'}`
  | 'trustchain.chain_untrusted'
  | 'trustchain.mesh_mismatch'
  | `trustchain.signature_${'stripped' | 'failed'}`
  | 'trustchain.algorithm_refused'
  | 'trustchain.profile_violated'
  | 'trustchain.node_id_mismatch'
  | 'trustchain.bundle_malformed'
  | 'trustchain.proof_failed'
  | `trustchain.checkpoint_${'malformed' | 'unsigned'}`
  | `trustchain.witness_${'quorum_missing' | 'refused' | 'policy_refused' | 'policy_malformed'}`
  | `trustchain.revocation_${'stale' | 'malformed' | 'rollback' | 'refused' | 'full'}`
  | 'trustchain.serial_unknown'
  | `trustchain.identity_${'unknown' | 'kind_refused' | 'malformed'}`
  | `trustchain.enrolment_${'refused' | 'overload'}`
  | 'trustchain.challenge_unknown'
  | 'trustchain.possession_failed'
  | `trustchain.token_${'invalid' | 'used'}`
  | `trustchain.policy_${'pending' | 'failed' | 'refused'}`
  | 'trustchain.question_malformed'
  | 'trustchain.rate_limited'
  | 'trustchain.mesh_exists'
  | 'trustchain.state_corrupt'
  | 'trustchain.genesis_malformed'
  | `trustchain.keystore_${'locked' | 'corrupt' | 'exists' | 'missing' | 'exposed' | 'closed'}`
  | 'trustchain.key_unknown'
  | `trustchain.log_${'missing' | 'exists' | 'corrupt' | 'inconsistent' | 'locked' | 'closed' | 'overload' | 'range'}`
  | 'trustchain.entry_malformed'
  | `trustchain.name_${'refused' | 'malformed' | 'unknown' | 'taken'}`
  | `trustchain.zone_${'full' | 'invalid'}`
  | 'trustchain.config_invalid'
  | 'trustchain.unsupported';
