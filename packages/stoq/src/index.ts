export * from './errors.ts';
export { type Clock, pause, systemClock, type Timer } from './clock.ts';
export { createFile, replaceFile, syncDirectory } from './durable-file.ts';
export { fileReason } from './file-reason.ts';
export { type Attempt, raceAttempts, type RaceOptions } from './race-attempts.ts';
export type { CborReader } from './codec/cbor-reader.ts';
export type { CborWriter } from './codec/cbor-writer.ts';
export { type Codec, type Decoded, decode, encode, ENCODED_BYTES_MAX, withEncoding } from './codec/codec.ts';
export * from './codec/combinators.ts';
export * from './crypto/algorithms.ts';
export type * from './crypto/keys.ts';
export {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  hkdf,
  openAead,
  type OpenInput,
  sealAead,
  type SealInput,
} from './crypto/aead.ts';
export { equalBytes, wipe } from './crypto/bytes.ts';
export { createCrypto, type CryptoOptions, SIGNED_BYTES_MAX } from './crypto/crypto.ts';
export { type Entropy, systemEntropy } from './crypto/entropy.ts';
export {
  blake3,
  blake3Text,
  createHasher,
  createKeyedHasher,
  HASH_BYTES,
  type Hasher,
  hashLabelled,
  hashLabelledText,
  hashOfText,
  hmacSha512,
  keyedHash,
  labelled,
  sha256,
  sha512,
  textOfHash,
} from './crypto/hashes.ts';
export { formatId, ID_BYTES, type IdKind, parseId } from './crypto/ids.ts';
export { decapsulate, encapsulate, type Encapsulation, ML_KEM_1024_CIPHERTEXT_BYTES, x25519SharedSecret } from './crypto/kem.ts';
export {
  hybridPublicKeyCodec,
  hybridSignatureCodec,
  publicKeyCodec,
  publicKeyCodecOf,
  signatureCodec,
  signatureCodecOf,
} from './crypto/key-codecs.ts';
export { type NativeAlgorithm, seededKeyPair } from './crypto/native-keys.ts';
export type * from './carrier/carrier.ts';
export { formatAddress, parseAddress, type ParsedAddress } from './carrier/address.ts';
export { createMemoryCarrier, type MemoryCarrier, type MemoryCarrierOptions } from './carrier/memory/carrier.ts';
export {
  createMemoryNetwork,
  type Delivery,
  type MemoryEndpoint,
  type MemoryNetwork,
  type MemoryNetworkOptions,
} from './carrier/memory/network.ts';
export { createQuicCarrier, type QuicCarrier, type QuicCarrierComponents, type QuicCarrierConfig } from './carrier/quic/carrier.ts';
export type * from './session/identity.ts';
export { createPinnedIdentity, createPinnedVerifier, pinnedId, type PinnedPeer } from './session/pinned-identity.ts';
export type * from './session/session.ts';
export { createHandshakeGate, DEFAULT_GATE_LIMITS, type HandshakeGate, type HandshakeGateLimits } from './session/gate.ts';
export { acceptSession, connectSession } from './session/handshake.ts';
export { DEFAULT_SESSION_LIMITS, type SessionLimits } from './session/limits.ts';
export * from './rpc/contract.ts';
export type * from './rpc/service.ts';
export type * from './rpc/observer.ts';
export { createRpcClient, type RpcClientComponents } from './rpc/client.ts';
export { MUX_CALLS_MAX, MUX_MESSAGE_BYTES_MAX } from './rpc/mux-call.ts';
export {
  CALLS_MAX,
  CALLS_PER_SESSION_MAX,
  createRpcServer,
  type RpcServer,
  type RpcServerComponents,
  type RpcServerConfig,
} from './rpc/server.ts';
export { MUX_STREAMS_PER_SESSION_MAX } from './rpc/served-session.ts';
export { type SessionLease, type SessionSource, singleSession } from './rpc/session-source.ts';
export { decodeValue } from './rpc/value-reader.ts';
export { encodeValue } from './rpc/value-writer.ts';
export { BIGINT_BYTES_MAX, VALUE_DEPTH_MAX, VALUES_MAX } from './rpc/value.ts';
export { DEADLINE_MS_MAX, PeerError } from './rpc/wire.ts';
export type * from './host/host.ts';
export type * from './host/host-observer.ts';
export { createHost, SESSIONS_ACCEPTED_MAX, STOP_GRACE_MS } from './host/network-host.ts';
export {
  type CircuitMethods,
  circuitContract,
  type CircuitOpened,
  type CircuitOpenRequest,
  type CircuitReservation,
  type CircuitReserveRequest,
} from './relay/circuit-contract.ts';
export {
  BLOB_CHUNK_BYTES,
  type BlobChunk,
  blobContract,
  type BlobGetRequest,
  type BlobMethods,
  type BlobStat,
  type BlobStatRequest,
} from './blob/contract.ts';
export { fetchBlob, type FetchBlobOptions } from './blob/fetch.ts';
export { blobHandlers, serveBlobs } from './blob/serve.ts';
export { type BlobSource, type BlobSourceComponents, createBlobSource } from './blob/source.ts';
export { type BlobStore, type BlobStoreOptions, createBlobStore, type PutOptions, type StoredBlob } from './blob/store.ts';
export { BLOB_LEAF_BYTES, blobDigest, type BlobHasher, createBlobHasher } from './blob/tree.ts';
