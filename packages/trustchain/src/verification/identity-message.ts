import { bytes, type Codec, encode, hashLabelled, type HybridPublicKey, hybridPublicKeyCodec, struct, text } from '@hypermesh/stoq';
import { decodeAs } from '../decoding.ts';

/** What a side of kind `set-entry` sends: the verifier holds the key under that name. */
export interface SetEntryClaim {
  readonly meshId: Uint8Array;
  readonly name: string;
}

/** What a side of kind `raw-key` or `pinned` sends. */
export interface KeyClaim {
  readonly meshId: Uint8Array;
  readonly key: HybridPublicKey;
}

const MESH_ID_BYTES = 32;
const NAME_CHARS_MAX = 64;
// A hybrid key and an id; far below a bundle.
export const IDENTITY_MESSAGE_BYTES_MAX: number = 4 * 1024;

const setEntryCodec: Codec<SetEntryClaim> = struct({ meshId: bytes(MESH_ID_BYTES), name: text(NAME_CHARS_MAX) });
const keyCodec: Codec<KeyClaim> = struct({ meshId: bytes(MESH_ID_BYTES), key: hybridPublicKeyCodec });

export function encodeSetEntryClaim(claim: SetEntryClaim): Uint8Array {
  return encode(setEntryCodec, claim);
}

/** Throws `trustchain.identity_malformed`. */
export function decodeSetEntryClaim(encoded: Uint8Array): SetEntryClaim {
  return decodeAs(setEntryCodec, encoded, IDENTITY_MESSAGE_BYTES_MAX, 'trustchain.identity_malformed');
}

export function encodeKeyClaim(claim: KeyClaim): Uint8Array {
  return encode(keyCodec, claim);
}

/** Throws `trustchain.identity_malformed`. */
export function decodeKeyClaim(encoded: Uint8Array): KeyClaim {
  return decodeAs(keyCodec, encoded, IDENTITY_MESSAGE_BYTES_MAX, 'trustchain.identity_malformed');
}

/** Id of a raw or pinned key: 32 bytes over both legs. */
export function keyClaimId(key: HybridPublicKey): Uint8Array {
  return hashLabelled('hypermesh/key-claim-id/1', encode(hybridPublicKeyCodec, key));
}
