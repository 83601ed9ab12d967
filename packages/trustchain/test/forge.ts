import type { Certificate } from '../src/certificate/certificate.ts';
import { childrenOf, cursorOf, readDer, readObjectId, wrapDer } from '../src/certificate/der.ts';
import { encodeObjectId, encodeOctetBits, encodeSigned } from '../src/certificate/encoding.ts';
import type { SigningPair } from '../src/certificate/issuance.ts';
import { OID_ALT_SIGNATURE_VALUE } from '../src/constants.ts';

/** Positions in TBSCertificate. */
export const FIELD = { version: 0, serial: 1, signature: 2, issuer: 3, validity: 4, subject: 5, key: 6, extensions: 7 } as const;

export interface Forgery {
  /** DER put in place of a field of the body. */
  readonly fields?: Partial<Record<number, Uint8Array>>;
  /** Extensions to replace or add (value), or to remove (null). */
  readonly extensions?: Readonly<Record<string, { critical: boolean; value: Uint8Array } | null>>;
  /** Keys of the signer; both legs are made anew over the edited body. */
  readonly signer: SigningPair;
  /** Leaves the alternative signature out. */
  readonly withoutAlternative?: boolean;
}

/** Signs whatever is asked for, with no lint: what a broken or hostile authority would issue. */
export async function forge(original: Certificate, forgery: Forgery): Promise<Uint8Array> {
  const fields = childrenOf(readDer(original.signed, 'tbs'), 'tbs').map((field) => field.raw);
  const list = cursorOf(readDer(fields[FIELD.extensions] as Uint8Array, 'x'), 'x').take(0x30, 'x');
  const extensions = new Map(
    childrenOf(list, 'x').map((element) => [readObjectId(cursorOf(element, 'x').take(0x06, 'x'), 'x'), element.raw] as const),
  );
  extensions.delete(OID_ALT_SIGNATURE_VALUE);
  for (const [oid, change] of Object.entries(forgery.extensions ?? {})) {
    if (change === null) extensions.delete(oid);
    else extensions.set(oid, encodeExtension(oid, change.critical, change.value));
  }
  for (const [index, der] of Object.entries(forgery.fields ?? {})) fields[Number(index)] = der as Uint8Array;
  const body = (): Uint8Array => wrapDer(0x30, [...fields.slice(0, 7), wrapDer(0xa3, [wrapDer(0x30, [...extensions.values()])])]);
  if (forgery.withoutAlternative !== true) {
    const covered = wrapDer(0x30, [
      ...[0, 1, 3, 4, 5, 6].map((index) => fields[index] as Uint8Array),
      wrapDer(0xa3, [wrapDer(0x30, [...extensions.values()])]),
    ]);
    const alternative = await forgery.signer.postQuantum.sign(covered);
    extensions.set(OID_ALT_SIGNATURE_VALUE, encodeExtension(OID_ALT_SIGNATURE_VALUE, false, encodeOctetBits(alternative.bytes)));
  }
  const signed = body();
  return encodeSigned(signed, (await forgery.signer.classical.sign(signed)).bytes);
}

export function encodeExtension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? [Uint8Array.of(1, 1, 0xff)] : [];
  return wrapDer(0x30, [encodeObjectId(oid), ...flag, wrapDer(0x04, [value])]);
}

export function encodeValidity(notBefore: number, notAfter: number): Uint8Array {
  const time = (at: number): Uint8Array => {
    const text = new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
    return text < '205' ? wrapDer(0x17, [Buffer.from(text.slice(2))]) : wrapDer(0x18, [Buffer.from(text)]);
  };
  return wrapDer(0x30, [time(notBefore), time(notAfter)]);
}

export function hexBytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

export function pem(der: Uint8Array, label = 'CERTIFICATE'): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .match(/.{1,64}/g) as string[];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
