import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, Extension, SubjectPublicKeyInfo } from '@peculiar/asn1-x509';
import { ObjectIdentifier } from 'asn1js';
import { OID_ED25519 } from '../constants.ts';
import { TAG, wrapDer } from './der.ts';

export function extension(extnID: string, critical: boolean, value: Uint8Array): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(bufferOf(value)) });
}

/** SubjectPublicKeyInfo of an algorithm that takes no parameters. */
export function subjectKeyInfo(oid: string, key: Uint8Array): SubjectPublicKeyInfo {
  const algorithm = new AlgorithmIdentifier({ algorithm: oid });
  return new SubjectPublicKeyInfo({ algorithm, subjectPublicKey: bufferOf(key) });
}

export function encodeSubjectKey(oid: string, key: Uint8Array): Uint8Array {
  return new Uint8Array(AsnConvert.serialize(subjectKeyInfo(oid, key)));
}

export function encodeAlgorithm(oid: string): Uint8Array {
  return new Uint8Array(AsnConvert.serialize(new AlgorithmIdentifier({ algorithm: oid })));
}

export function encodeObjectId(oid: string): Uint8Array {
  return new Uint8Array(new ObjectIdentifier({ value: oid }).toBER());
}

/** A BIT STRING of whole octets. */
export function encodeOctetBits(bytes: Uint8Array): Uint8Array {
  return wrapDer(TAG.bitString, [Uint8Array.of(0), bytes]);
}

/** The form common to certificates and requests: body, algorithm, Ed25519 signature over the body. */
export function encodeSigned(body: Uint8Array, signature: Uint8Array): Uint8Array {
  return wrapDer(TAG.sequence, [body, encodeAlgorithm(OID_ED25519), encodeOctetBits(signature)]);
}

export function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}
