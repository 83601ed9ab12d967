export const OID_SUBJECT_ALT_NAME: string = '2.5.29.17';
/** PKCS#9 extensionRequest (RFC 2985, 5.4.2). */
export const OID_EXTENSION_REQUEST: string = '1.2.840.113549.1.9.14';
/** X.509v3 extension 2.5.29.72: the FALCON key of the subject (ITU-T X.509 (2019), 9.8). */
export const OID_SUBJECT_ALT_PUBLIC_KEY_INFO: string = '2.5.29.72';
export const OID_ALT_SIGNATURE_ALGORITHM: string = '2.5.29.73';
export const OID_ALT_SIGNATURE_VALUE: string = '2.5.29.74';
/** FALCON-1024, round 3 (the provisional id of Open Quantum Safe). */
export const OID_FALCON_1024: string = '1.3.9999.3.14';
/** RFC 8410. */
export const OID_ED25519: string = '1.3.101.112';
/** NIST CSOR, FIPS 203. */
export const OID_ML_KEM_1024: string = '2.16.840.1.101.3.4.4.3';
/** The private extension of HyperMesh certificates: UUID d03bb705-6931-4255-af61-1ad337500cf3 as an arc of 2.25 (ITU-T X.667). */
export const OID_MESH_IDENTITY: string = `2.25.${BigInt('0xd03bb70569314255af611ad337500cf3')}`;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

// Kept offline after use; as long as the mesh is expected to live without a new genesis.
export const ROOT_LIFETIME_MS_MAX: number = 3650 * DAY_MS;
// Online key: replaced well before the root.
export const INTERMEDIATE_LIFETIME_MS_MAX: number = 1095 * DAY_MS;
// Short, so that a stolen key or a missed revocation ends by itself.
export const LEAF_LIFETIME_MS_MAX: number = DAY_MS;
// Leaves three quarters of the lifetime for an outage of the CA before anything expires.
export const RENEW_BEFORE_MS: number = 6 * HOUR_MS;
// A node that was off for a month may still renew, in a session that can do nothing else.
export const RENEW_EXPIRED_MS_MAX: number = 30 * DAY_MS;
// Clocks of honest machines differ by less; wider would let a future certificate act early.
export const CLOCK_SKEW_MS_MAX: number = 30_000;
// RFC 5280, 4.1.2.2: at most 20 octets, positive.
export const SERIAL_BYTES: number = 20;
// RFC 5280, appendix A.1: ub-common-name.
export const COMMON_NAME_CHARS_MAX: number = 64;
// A service with more names takes a second certificate.
export const SAN_COUNT_MAX: number = 100;
// RFC 1035, 2.3.4.
export const DNS_NAME_CHARS_MAX: number = 253;
// The closed set of roles has six words; more than eight entries is no honest request.
export const ROLE_COUNT_MAX: number = 8;
// A leaf with 100 names of 253 characters, three keys and two signatures is below 33 KiB.
export const CERTIFICATE_BYTES_MAX: number = 40 * 1024;
// Root -> intermediate -> leaf, and one cross-certificate of a federation.
export const INTERMEDIATE_COUNT_MAX: number = 2;
// A tree of 2^53 entries (the largest safe integer) has paths of 53 hashes.
export const PROOF_HASHES_MAX: number = 53;
// Cosignatures of a quorum of 100 validators (67 of 3.3 KiB in base64), the log's own two, and the body.
export const CHECKPOINT_BYTES_MAX: number = 256 * 1024;
// Rotations are rare, ordered events of a node's life.
export const ROTATION_COUNT_MAX: number = 32;
// Two FALCON keys and a hybrid signature fit in 6 KiB.
export const ROTATION_BYTES_MAX: number = 8 * 1024;
// Everything above together.
export const BUNDLE_BYTES_MAX: number = 768 * 1024;
// A bounded validator set: agreement is quadratic in it.
export const VALIDATOR_COUNT_MAX: number = 100;
