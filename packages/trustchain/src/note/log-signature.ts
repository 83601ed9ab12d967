import type { Crypto, PublicKey, Signer } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import { findSignature, type Note, noteKeyId, type NoteSignature } from './note.ts';

/** The two public keys of a log; its origin is the name of both. */
export interface LogKeys {
  readonly origin: string;
  readonly classical: PublicKey<'ed25519'>;
  readonly postQuantum: PublicKey<'falcon1024'>;
}

export interface LogSigners {
  readonly classical: Signer<'ed25519'>;
  readonly postQuantum: Signer<'falcon1024'>;
}

const TYPE_ED25519 = Uint8Array.of(0x01);
// C2SP signed-note: 0xff is for types without an assigned byte, followed by an identifier that is unlikely to collide.
const TYPE_FALCON = Uint8Array.of(0xff, ...Buffer.from('falcon1024-round3.hypermesh', 'ascii'));

export function ed25519KeyId(name: string, key: PublicKey<'ed25519'>): number {
  return noteKeyId(name, TYPE_ED25519, key.bytes);
}

export function falconKeyId(name: string, key: PublicKey<'falcon1024'>): number {
  return noteKeyId(name, TYPE_FALCON, key.bytes);
}

/** Both signatures of the log over the text of a note. */
export async function signNoteText(text: string, origin: string, signers: LogSigners): Promise<readonly NoteSignature[]> {
  const message = new TextEncoder().encode(text);
  const [classical, postQuantum] = await Promise.all([signers.classical.sign(message), signers.postQuantum.sign(message)]);
  return [
    { name: origin, keyId: ed25519KeyId(origin, signers.classical.publicKey), bytes: classical.bytes },
    { name: origin, keyId: falconKeyId(origin, signers.postQuantum.publicKey), bytes: postQuantum.bytes },
  ];
}

/** Demands both signatures. Throws `trustchain.checkpoint_unsigned` with the leg that is missing or wrong. */
export function verifyLogSignatures(note: Note, keys: LogKeys, crypto: Crypto): void {
  const message = new TextEncoder().encode(note.text);
  const demand = (leg: string, key: PublicKey<'ed25519' | 'falcon1024'>, keyId: number): void => {
    const signature = findSignature(note, keys.origin, keyId);
    const reason = signature === null ? 'missing' : 'wrong';
    if (signature === null || !crypto.verify(key, message, { algorithm: key.algorithm, bytes: signature.bytes })) {
      throw trustError('trustchain.checkpoint_unsigned', { origin: keys.origin, leg, reason });
    }
  };
  demand('ed25519', keys.classical, ed25519KeyId(keys.origin, keys.classical));
  demand('falcon1024', keys.postQuantum, falconKeyId(keys.origin, keys.postQuantum));
}
