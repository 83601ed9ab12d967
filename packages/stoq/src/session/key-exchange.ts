import type { CarrierBinding } from '../carrier/carrier.ts';
import { wipe } from '../crypto/bytes.ts';
import type { Entropy } from '../crypto/entropy.ts';
import { decapsulate, encapsulate, type Encapsulation, x25519SharedSecret } from '../crypto/kem.ts';
import type { KeyPair } from '../crypto/keys.ts';
import { seededKeyPair } from '../crypto/native-keys.ts';
import { ALGORITHMS } from '../crypto/algorithms.ts';
import { stoqError } from '../errors.ts';
import type { IdentityKind } from './identity.ts';
import { handshakeSecrets, type HandshakeSecrets } from './key-schedule.ts';
import type { SessionLimits } from './limits.ts';
import {
  clientHelloCodec,
  decodeMessage,
  encodeMessage,
  MESSAGE,
  RANDOM_BYTES,
  serverHelloCodec,
  STOQ_VERSION,
  SUITE_HYBRID_1,
} from './messages.ts';
import { readParameters, type SessionParameters, writeParameters } from './parameters.ts';
import { Transcript } from './transcript.ts';

/** What both sides share after the hellos. */
export interface KeyExchange {
  readonly secrets: HandshakeSecrets;
  /** Up to the server's hello. */
  readonly transcript: Transcript;
  readonly peer: SessionParameters;
}

export interface ClientStart {
  /** Body of the client's hello. */
  readonly hello: Uint8Array;
  /** Takes the body of the server's hello; at most once. Throws `stoq.handshake_*`. */
  complete(serverHello: Uint8Array): KeyExchange;
}

export interface HelloInput {
  readonly binding: CarrierBinding;
  readonly limits: SessionLimits;
  readonly entropy: Entropy;
}

/** Both legs are fresh for every handshake and wiped once used. */
export function startClient(input: HelloInput & { readonly expect: IdentityKind }): ClientStart {
  const x25519 = freshKeyPair('x25519', input.entropy);
  const kem = freshKeyPair('ml-kem-1024', input.entropy);
  const hello = encodeMessage(clientHelloCodec, {
    versions: [STOQ_VERSION],
    suites: [SUITE_HYBRID_1],
    parameters: writeParameters(input.limits, input.expect),
    random: input.entropy.bytes(RANDOM_BYTES),
    x25519: x25519.publicKey.bytes,
    kem: kem.publicKey.bytes,
  });
  return {
    hello,
    complete(body) {
      const answer = decodeMessage(serverHelloCodec, body);
      if (answer.version !== STOQ_VERSION || answer.suite !== SUITE_HYBRID_1) {
        throw stoqError('stoq.handshake_version', { version: answer.version, suite: answer.suite });
      }
      const peer = readParameters(answer.parameters, 'server');
      const transcript = new Transcript(input.binding).add(MESSAGE.clientHello, hello).add(MESSAGE.serverHello, body);
      try {
        const secrets = handshakeSecrets(decapsulate(kem.secretKey, answer.ciphertext), agree(x25519, answer.x25519), transcript.digest());
        return { secrets, transcript, peer };
      } finally {
        wipe(x25519.secretKey.bytes, kem.secretKey.bytes);
      }
    },
  };
}

export interface ServerStart {
  /** Body of the server's hello. */
  readonly hello: Uint8Array;
  readonly exchange: KeyExchange;
}

/** Answers the body of a client's hello. Throws `stoq.handshake_*`. */
export function startServer(input: HelloInput, clientHello: Uint8Array): ServerStart {
  const offer = decodeMessage(clientHelloCodec, clientHello);
  if (!offer.versions.includes(STOQ_VERSION) || !offer.suites.includes(SUITE_HYBRID_1)) {
    throw stoqError('stoq.handshake_version', { versions: offer.versions.join(' '), suites: offer.suites.join(' ') });
  }
  const peer = readParameters(offer.parameters, 'client');
  const x25519 = freshKeyPair('x25519', input.entropy);
  try {
    const { secret, ciphertext } = encapsulateFor(offer.kem);
    const hello = encodeMessage(serverHelloCodec, {
      version: STOQ_VERSION,
      suite: SUITE_HYBRID_1,
      parameters: writeParameters(input.limits, null),
      random: input.entropy.bytes(RANDOM_BYTES),
      x25519: x25519.publicKey.bytes,
      ciphertext,
    });
    const transcript = new Transcript(input.binding).add(MESSAGE.clientHello, clientHello).add(MESSAGE.serverHello, hello);
    const secrets = handshakeSecrets(secret, agree(x25519, offer.x25519), transcript.digest());
    return { hello, exchange: { secrets, transcript, peer } };
  } finally {
    wipe(x25519.secretKey.bytes);
  }
}

function freshKeyPair<A extends 'x25519' | 'ml-kem-1024'>(algorithm: A, entropy: Entropy): KeyPair<A> {
  const seed = entropy.bytes(ALGORITHMS[algorithm].secretKeyBytes);
  try {
    return seededKeyPair(algorithm, seed);
  } finally {
    wipe(seed);
  }
}

/** An all-zero result refuses the handshake: such a share gives a secret that anybody knows. */
function agree(own: KeyPair<'x25519'>, share: Uint8Array): Uint8Array {
  try {
    return x25519SharedSecret(own.secretKey, { algorithm: 'x25519', bytes: share });
  } catch (cause) {
    throw stoqError('stoq.handshake_malformed', { share: 'x25519' }, { cause });
  }
}

function encapsulateFor(key: Uint8Array): Encapsulation {
  try {
    return encapsulate({ algorithm: 'ml-kem-1024', bytes: key });
  } catch (cause) {
    throw stoqError('stoq.handshake_malformed', { share: 'ml-kem-1024' }, { cause });
  }
}
