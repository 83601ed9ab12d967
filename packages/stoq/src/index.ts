export * from './errors.ts';
export { type CborValue, type Codec, type Decoded, decode, encode, ENCODED_BYTES_MAX, ENCODED_DEPTH_MAX } from './codec/codec.ts';
export * from './codec/combinators.ts';
export * from './crypto/algorithms.ts';
export type * from './crypto/keys.ts';
export type * from './carrier/carrier.ts';
export type * from './session/identity.ts';
export type * from './session/session.ts';
export * from './rpc/contract.ts';
