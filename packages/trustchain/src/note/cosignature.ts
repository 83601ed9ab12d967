import { ALGORITHMS, type Crypto, type PublicKey, type Signer } from '@hypermesh/stoq';
import type { Checkpoint } from './checkpoint.ts';
import { noteKeyId, type NoteSignature } from './note.ts';

/** A witness as its cosignatures name it. */
export interface Cosigner {
  readonly name: string;
  readonly key: PublicKey<'ml-dsa-44'>;
}

// C2SP tlog-cosignature: the ML-DSA-44 type, and the label of what it signs.
const TYPE_ML_DSA_44 = Uint8Array.of(0x06);
const LABEL = Buffer.from('subtree/v1\n\0', 'latin1');
const TIMESTAMP_BYTES = 8;
const COSIGNATURE_BYTES: number = TIMESTAMP_BYTES + ALGORITHMS['ml-dsa-44'].signatureBytesMax;

export function cosignerKeyId({ name, key }: Cosigner): number {
  return noteKeyId(name, TYPE_ML_DSA_44, key.bytes);
}

/** A cosignature at `timestamp`, whole seconds since the epoch. */
export async function cosign(checkpoint: Checkpoint, name: string, signer: Signer<'ml-dsa-44'>, timestamp: number): Promise<NoteSignature> {
  const { bytes } = await signer.sign(cosignedMessage(checkpoint, name, BigInt(timestamp)));
  const blob = Buffer.alloc(TIMESTAMP_BYTES + bytes.length);
  blob.writeBigUInt64BE(BigInt(timestamp));
  blob.set(bytes, TIMESTAMP_BYTES);
  return { name, keyId: cosignerKeyId({ name, key: signer.publicKey }), bytes: Uint8Array.from(blob) };
}

/** Whether the signature is that cosigner's over the checkpoint. */
export function verifyCosignature(checkpoint: Checkpoint, cosigner: Cosigner, signature: NoteSignature, crypto: Crypto): boolean {
  if (signature.name !== cosigner.name || signature.keyId !== cosignerKeyId(cosigner)) return false;
  if (signature.bytes.length !== COSIGNATURE_BYTES) return false;
  const timestamp = Buffer.from(signature.bytes.subarray(0, TIMESTAMP_BYTES)).readBigUInt64BE();
  const message = cosignedMessage(checkpoint, cosigner.name, timestamp);
  return crypto.verify(cosigner.key, message, { algorithm: 'ml-dsa-44', bytes: signature.bytes.subarray(TIMESTAMP_BYTES) });
}

/** `cosigned_message` of the whole tree: start is 0, end is its size. */
function cosignedMessage({ origin, size, root }: Checkpoint, name: string, timestamp: bigint): Uint8Array {
  return Uint8Array.from(Buffer.concat([LABEL, opaque8(name), uint64(timestamp), opaque8(origin), uint64(0n), uint64(BigInt(size)), root]));
}

/** RFC 8446, 3.4: a vector of up to 255 bytes behind its length. */
function opaque8(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([Uint8Array.of(bytes.length), bytes]);
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
