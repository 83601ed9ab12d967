import { GeneralName, SubjectAlternativeName } from '@peculiar/asn1-x509';
import { AsnConvert } from '@peculiar/asn1-schema';
import { isIPv6 } from 'node:net';
import { DNS_NAME_CHARS_MAX, SAN_COUNT_MAX } from '../constants.ts';
import { trustError } from '../errors.ts';
import { childrenOf, malformed, readDer, TAG } from './der.ts';

/** What a subjectAltName extension of this profile may hold. */
export interface AlternativeNames {
  /** `mesh://<node id>`. */
  readonly uris: readonly string[];
  /** DNS names in lower case and IPv6 addresses in canonical text (RFC 5952). */
  readonly names: readonly string[];
}

const IPV6_BYTES = 16;
// RFC 1035 as narrowed by RFC 1123: letters, digits and inner hyphens.
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Throws `trustchain.name_refused` for anything but a plain DNS name in lower case or a canonical IPv6 address. */
export function assertPlainName(name: string): void {
  const reason = name.includes(':') ? ipv6Fault(name) : dnsFault(name);
  if (reason !== null) throw trustError('trustchain.name_refused', { name: name.slice(0, DNS_NAME_CHARS_MAX), reason });
}

function dnsFault(name: string): string | null {
  if (name.length > DNS_NAME_CHARS_MAX) return 'too long';
  if (name.includes('*')) return 'wildcard';
  const labels = name.split('.');
  if (!labels.every((label) => LABEL.test(label))) return 'not a DNS name in lower case';
  // A name whose last label is a number is read as an IPv4 address by resolvers (WHATWG URL, 3.5).
  return /^\d+$/.test(labels.at(-1) as string) ? 'IPv4 address' : null;
}

function ipv6Fault(name: string): string | null {
  if (!isIPv6(name) || name.includes('%')) return 'not an IPv6 address';
  if (canonicalIpv6(name) !== name) return 'not in canonical text';
  return name.startsWith('::ffff:') ? 'IPv4 address' : null;
}

function canonicalIpv6(text: string): string {
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

/** DER of the extension value: URIs first, then names in the order given. */
export function encodeAlternativeNames({ uris, names }: AlternativeNames): Uint8Array {
  names.forEach(assertPlainName);
  if (uris.length + names.length > SAN_COUNT_MAX) throw trustError('trustchain.name_refused', { countMax: SAN_COUNT_MAX });
  const general = [
    ...uris.map((uri) => new GeneralName({ uniformResourceIdentifier: uri })),
    ...names.map((name) => new GeneralName(name.includes(':') ? { iPAddress: name } : { dNSName: name })),
  ];
  return new Uint8Array(AsnConvert.serialize(new SubjectAlternativeName(general)));
}

/** Throws `trustchain.certificate_malformed` or `trustchain.name_refused`. */
export function decodeAlternativeNames(der: Uint8Array): AlternativeNames {
  const path = 'subjectAltName';
  const sequence = readDer(der, path);
  if (sequence.tag !== TAG.sequence) malformed(path, 'expected SEQUENCE');
  const uris: string[] = [];
  const names: string[] = [];
  for (const { tag, body } of childrenOf(sequence, path)) {
    const text = Buffer.from(body).toString('latin1');
    if (tag === TAG.context(2)) names.push(text);
    else if (tag === TAG.context(6)) uris.push(text);
    else if (tag === TAG.context(7) && body.length === IPV6_BYTES) names.push(ipv6Text(body));
    else throw trustError('trustchain.name_refused', { reason: 'only DNS names, IPv6 addresses and URIs', tag });
  }
  names.forEach(assertPlainName);
  if (new Set([...uris, ...names]).size !== uris.length + names.length) malformed(path, 'duplicate name');
  if (uris.length + names.length > SAN_COUNT_MAX) throw trustError('trustchain.name_refused', { countMax: SAN_COUNT_MAX });
  return { uris, names };
}

function ipv6Text(bytes: Uint8Array): string {
  const groups = Buffer.from(bytes).toString('hex').match(/.{4}/g) as string[];
  return canonicalIpv6(groups.join(':'));
}
