import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { createCrypto, type Crypto, type KeyPair } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cosign, type Cosigner, cosignerKeyId, verifyCosignature } from '../../src/note/cosignature.ts';
import { noteKeyId, type NoteSignature } from '../../src/note/note.ts';
import { bytesOf, hexOf } from '../hex.ts';

let crypto: Crypto;
let pair: KeyPair<'ml-dsa-44'>;
let cosigner: Cosigner;
let signature: NoteSignature;
const checkpoint = { origin: 'trust.mesh/certificates', size: 0x0102030405, root: new Uint8Array(32).fill(0xaa) };
const TIMESTAMP = 1_767_225_600;

beforeAll(async () => {
  crypto = await createCrypto();
  pair = await crypto.generateKeyPair('ml-dsa-44');
  cosigner = { name: 'validator-1', key: pair.publicKey };
  signature = await cosign(checkpoint, 'validator-1', crypto.createSigner(pair), TIMESTAMP);
});
afterAll(() => crypto.close());

describe('ML-DSA-44 cosignatures', () => {
  test('sign the cosigned_message of the specification, by an independent implementation', () => {
    // label, cosigner_name<1..255>, timestamp, log_origin<1..255>, start, end, hash
    const message = [
      '737562747265652f76310a00',
      '0b76616c696461746f722d31',
      '000000006955b900',
      '1774727573742e6d6573682f636572746966696361746573',
      '0000000000000000',
      '0000000102030405',
      'aa'.repeat(32),
    ].join('');
    expect(signature.bytes).toHaveLength(8 + 2420);
    expect(hexOf(signature.bytes.subarray(0, 8))).toBe('000000006955b900');
    expect(ml_dsa44.verify(signature.bytes.subarray(8), bytesOf(message), pair.publicKey.bytes)).toBe(true);
  });

  test('carry the key id of type 0x06', () => {
    expect(signature.keyId).toBe(noteKeyId('validator-1', Uint8Array.of(6), pair.publicKey.bytes));
    expect(cosignerKeyId(cosigner)).toBe(signature.keyId);
  });

  test('verify, and nothing near them', () => {
    expect(verifyCosignature(checkpoint, cosigner, signature, crypto)).toBe(true);
    const flip = (at: number): NoteSignature => ({ ...signature, bytes: signature.bytes.with(at, (signature.bytes[at] as number) ^ 1) });
    const refused = [
      verifyCosignature({ ...checkpoint, size: checkpoint.size + 1 }, cosigner, signature, crypto),
      verifyCosignature({ ...checkpoint, origin: 'other' }, cosigner, signature, crypto),
      verifyCosignature({ ...checkpoint, root: new Uint8Array(32) }, cosigner, signature, crypto),
      verifyCosignature(checkpoint, { ...cosigner, name: 'validator-2' }, { ...signature, name: 'validator-2' }, crypto),
      verifyCosignature(checkpoint, cosigner, { ...signature, keyId: signature.keyId ^ 1 }, crypto),
      verifyCosignature(checkpoint, cosigner, { ...signature, bytes: signature.bytes.subarray(1) }, crypto),
      verifyCosignature(checkpoint, cosigner, flip(7), crypto),
      verifyCosignature(checkpoint, cosigner, flip(1000), crypto),
    ];
    expect(refused).not.toContain(true);
  });
});
