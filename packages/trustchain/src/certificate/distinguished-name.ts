import { AsnConvert } from '@peculiar/asn1-schema';
import { AttributeTypeAndValue, AttributeValue, Name, RelativeDistinguishedName } from '@peculiar/asn1-x509';
import { COMMON_NAME_CHARS_MAX } from '../constants.ts';
import { trustError } from '../errors.ts';
import { cursorOf, malformed, readDer, readObjectId, readUtf8, TAG } from './der.ts';

const OID_COMMON_NAME = '2.5.4.3';
// An allow-list, because tools disagree on the quoting of everything else.
const COMMON_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9 .:_-]*[A-Za-z0-9])?$/;

/** A distinguished name of one common name in UTF-8. Throws `trustchain.name_refused`. */
export function nameOf(commonName: string): Name {
  assertCommonName(commonName);
  const attribute = new AttributeTypeAndValue({
    type: OID_COMMON_NAME,
    value: new AttributeValue({ utf8String: commonName }),
  });
  return new Name([new RelativeDistinguishedName([attribute])]);
}

export function encodeName(commonName: string): Uint8Array {
  return new Uint8Array(AsnConvert.serialize(nameOf(commonName)));
}

/** The common name of a DER name that has nothing else. */
export function readCommonName(der: Uint8Array, path: string): string {
  const element = readDer(der, path);
  if (element.tag !== TAG.sequence) malformed(path, 'expected SEQUENCE');
  const relative = cursorOf(element, path);
  const attributes = cursorOf(relative.take(TAG.set, 'rdn'), path);
  relative.end();
  const attribute = cursorOf(attributes.take(TAG.sequence, 'attribute'), path);
  attributes.end();
  if (readObjectId(attribute.take(TAG.objectId, 'type'), path) !== OID_COMMON_NAME) malformed(path, 'not a common name');
  const commonName = readUtf8(attribute.take(TAG.utf8String, 'value'), path);
  attribute.end();
  assertCommonName(commonName);
  return commonName;
}

export function assertCommonName(commonName: string): void {
  if (commonName.length > COMMON_NAME_CHARS_MAX) {
    throw trustError('trustchain.name_refused', { reason: 'common name too long', charsMax: COMMON_NAME_CHARS_MAX });
  }
  if (!COMMON_NAME.test(commonName)) throw trustError('trustchain.name_refused', { reason: 'common name characters' });
}
