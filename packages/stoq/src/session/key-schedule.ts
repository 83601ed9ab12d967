import { createSecretKey, type KeyObject } from 'node:crypto';
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, hkdf } from '../crypto/aead.ts';
import { wipe } from '../crypto/bytes.ts';
import { labelled, sha512 } from '../crypto/hashes.ts';
import { encodeStreamId } from './stream-ids.ts';

/** Secrets of the handshake itself. */
export interface HandshakeSecrets {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
  readonly clientFinished: Uint8Array;
  readonly serverFinished: Uint8Array;
  readonly master: Uint8Array;
}

/** Secrets of an established session: the roots of each direction's stream keys, and the exporter's. */
export interface SessionSecrets {
  readonly client: KeyObject;
  readonly server: KeyObject;
  readonly exporter: Uint8Array;
}

/** One generation of keys of one direction; `next` is the secret of the generation after it. */
export interface TrafficKeys {
  readonly key: KeyObject;
  readonly iv: Uint8Array;
  readonly next: Uint8Array;
}

const SECRET_BYTES = 64;
const NONE: Uint8Array = new Uint8Array();

/** From both shared secrets, `ML-KEM || X25519`, and the transcript up to the server's hello. Wipes the inputs. */
export function handshakeSecrets(kem: Uint8Array, x25519: Uint8Array, transcriptHash: Uint8Array): HandshakeSecrets {
  const secret = new Uint8Array(kem.length + x25519.length);
  secret.set(kem);
  secret.set(x25519, kem.length);
  const derive = (label: string): Uint8Array => hkdf(secret, transcriptHash, labelled(label, NONE), SECRET_BYTES);
  try {
    return {
      client: derive('stoq/handshake-client/1'),
      server: derive('stoq/handshake-server/1'),
      clientFinished: derive('stoq/finished-client/1'),
      serverFinished: derive('stoq/finished-server/1'),
      master: derive('stoq/master/1'),
    };
  } finally {
    wipe(secret, kem, x25519);
  }
}

/** From the master secret and the full transcript. */
export function sessionSecrets(master: Uint8Array, transcriptHash: Uint8Array): SessionSecrets {
  const derive = (label: string): Uint8Array => hkdf(master, transcriptHash, labelled(label, NONE), SECRET_BYTES);
  return {
    client: secretKey(derive('stoq/session-client/1')),
    server: secretKey(derive('stoq/session-server/1')),
    exporter: derive('stoq/session-exporter/1'),
  };
}

export function handshakeTraffic(secret: Uint8Array): TrafficKeys {
  return traffic(secret, 'stoq/handshake-traffic/1', NONE);
}

/** First keys of one direction of a stream; the id enters, so records of one stream mean nothing on another. */
export function streamTraffic(root: KeyObject, streamId: number): TrafficKeys {
  return traffic(root, 'stoq/stream-traffic/1', encodeStreamId(streamId));
}

/** The keys after `previous`, whose secrets are wiped: what was sealed before stays sealed. */
export function nextTraffic(previous: TrafficKeys): TrafficKeys {
  const next = traffic(previous.next, 'stoq/rekey/1', NONE);
  wipe(previous.iv, previous.next);
  return next;
}

/** Keying material for a label and context (as RFC 8446, section 7.5). */
export function exportKey(exporter: Uint8Array, label: string, context: Uint8Array, length: number): Uint8Array {
  return hkdf(exporter, sha512(context), labelled('stoq/exporter/1', Buffer.from(label, 'utf8')), length);
}

function traffic(secret: Uint8Array | KeyObject, label: string, context: Uint8Array): TrafficKeys {
  const bytes = hkdf(secret, NONE, labelled(label, context), AEAD_KEY_BYTES + AEAD_NONCE_BYTES + SECRET_BYTES);
  return {
    key: secretKey(bytes.subarray(0, AEAD_KEY_BYTES)),
    iv: bytes.subarray(AEAD_KEY_BYTES, AEAD_KEY_BYTES + AEAD_NONCE_BYTES),
    next: bytes.subarray(AEAD_KEY_BYTES + AEAD_NONCE_BYTES),
  };
}

/** Held by the runtime, which makes each use five times cheaper; the bytes are wiped. */
function secretKey(bytes: Uint8Array): KeyObject {
  const key = createSecretKey(bytes);
  wipe(bytes);
  return key;
}
