import { trustError } from '../errors.ts';

/** One element of DER: `raw` is the whole encoding, `body` its contents; both are views of the input. */
export interface DerElement {
  readonly tag: number;
  readonly body: Uint8Array;
  readonly raw: Uint8Array;
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
  generalizedTime: 0x18,
  /** Context class: primitive and constructed. */
  context: (number: number): number => 0x80 | number,
  contextConstructed: (number: number): number => 0xa0 | number,
} as const;

// No list in a certificate of this profile is longer than its 100 names and one more.
const ELEMENT_COUNT_MAX = 128;

/** Exactly one element that fills the input. Throws `trustchain.certificate_malformed`. */
export function readDer(bytes: Uint8Array, path: string): DerElement {
  const element = elementAt(bytes, 0, path);
  if (element.raw.length !== bytes.length) malformed(path, 'trailing bytes');
  return element;
}

/** The elements inside a constructed element (or inside the body of an EXPLICIT tag). */
export function childrenOf(parent: DerElement, path: string): DerElement[] {
  const children: DerElement[] = [];
  let at = 0;
  while (at < parent.body.length) {
    if (children.length === ELEMENT_COUNT_MAX) malformed(path, 'too many elements');
    const child = elementAt(parent.body, at, `${path}[${children.length}]`);
    children.push(child);
    at += child.raw.length;
  }
  return children;
}

/** Reads elements in order; whatever is left over is refused by `end`. */
export interface DerCursor {
  take(tag: number, name: string): DerElement;
  takeIf(tag: number): DerElement | null;
  end(): void;
}

export function cursorOf(parent: DerElement, path: string): DerCursor {
  const children = childrenOf(parent, path);
  let at = 0;
  return {
    take(tag, name) {
      const child = children[at++];
      if (child?.tag !== tag) return malformed(`${path}.${name}`, `expected tag 0x${tag.toString(16)}`);
      return child;
    },
    takeIf: (tag) => (children[at]?.tag === tag ? (children[at++] as DerElement) : null),
    end() {
      if (at !== children.length) malformed(path, 'unexpected element');
    },
  };
}

export function readSequence(bytes: Uint8Array, path: string): DerCursor {
  const element = readDer(bytes, path);
  if (element.tag !== TAG.sequence) malformed(path, 'expected SEQUENCE');
  return cursorOf(element, path);
}

/** X.690, 8.3 and 10: two's complement in the fewest octets; only non-negative numbers occur here. */
export function readUnsigned(element: DerElement, path: string): Uint8Array {
  const { body } = element;
  const first = body[0];
  if (element.tag !== TAG.integer || first === undefined) return malformed(path, 'expected INTEGER');
  if (first >= 0x80) malformed(path, 'negative INTEGER');
  if (first === 0 && body.length > 1 && (body[1] as number) < 0x80) malformed(path, 'INTEGER not minimal');
  return body;
}

export function readSmallInteger(element: DerElement, path: string): number {
  const body = readUnsigned(element, path);
  if (body.length !== 1) malformed(path, 'INTEGER too large');
  return body[0] as number;
}

/** X.690, 11.1: DER knows only 0x00 and 0xff; a DEFAULT FALSE that is present must therefore be TRUE. */
export function readTrue(element: DerElement, path: string): true {
  if (element.tag !== TAG.boolean || element.body.length !== 1 || element.body[0] !== 0xff) {
    malformed(path, 'BOOLEAN must be TRUE or absent');
  }
  return true;
}

/** A BIT STRING of whole octets. */
export function readOctetBits(element: DerElement, path: string): Uint8Array {
  if (element.tag !== TAG.bitString || element.body[0] !== 0) malformed(path, 'expected BIT STRING of whole octets');
  return element.body.subarray(1);
}

export function readObjectId(element: DerElement, path: string): string {
  const { body } = element;
  if (element.tag !== TAG.objectId || body.length === 0 || ((body.at(-1) as number) & 0x80) !== 0) {
    return malformed(path, 'expected OBJECT IDENTIFIER');
  }
  const arcs: bigint[] = [];
  let arc = 0n;
  let fresh = true;
  for (const octet of body) {
    if (fresh && octet === 0x80) malformed(path, 'OBJECT IDENTIFIER not minimal');
    arc = (arc << 7n) | BigInt(octet & 0x7f);
    fresh = (octet & 0x80) === 0;
    if (!fresh) continue;
    if (arcs.length === 0) {
      const top = arc < 40n ? 0n : arc < 80n ? 1n : 2n;
      arcs.push(top, arc - top * 40n);
    } else arcs.push(arc);
    arc = 0n;
  }
  return arcs.join('.');
}

export function readUtf8(element: DerElement, path: string): string {
  if (element.tag !== TAG.utf8String) malformed(path, 'expected UTF8String');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(element.body);
  } catch (cause) {
    throw trustError('trustchain.certificate_malformed', { path, reason: 'bad UTF-8' }, { cause });
  }
}

/** RFC 5280, 4.1.2.5: UTCTime until 2049, GeneralizedTime after, whole seconds, `Z`. Milliseconds since the epoch. */
export function readTime(element: DerElement, path: string): number {
  const text = Buffer.from(element.body).toString('latin1');
  const utc = element.tag === TAG.utcTime;
  if (!utc && element.tag !== TAG.generalizedTime) malformed(path, 'expected a time');
  if (!(utc ? /^\d{12}Z$/ : /^\d{14}Z$/).test(text)) malformed(path, 'bad time form');
  const year = utc ? (text < '5' ? '20' : '19') + text.slice(0, 2) : text.slice(0, 4);
  const rest = (utc ? text.slice(2) : text.slice(4)).match(/\d\d/g) as string[];
  const iso = `${year}-${rest[0]}-${rest[1]}T${rest[2]}:${rest[3]}:${rest[4]}.000Z`;
  const at = Date.parse(iso);
  if (Number.isNaN(at) || new Date(at).toISOString() !== iso) malformed(path, 'no such time');
  if (!utc && Number(year) < 2050) malformed(path, 'UTCTime is due until 2049');
  return at;
}

/** Wraps bytes into an element; used to re-assemble what a signature covers from the original bytes. */
export function wrapDer(tag: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  const head = length < 0x80 ? [tag, length] : [tag, 0x80 | octets.length, ...octets];
  return Uint8Array.from(Buffer.concat([Uint8Array.from(head), ...parts]));
}

function elementAt(bytes: Uint8Array, at: number, path: string): DerElement {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) return malformed(path, 'truncated');
  if ((tag & 0x1f) === 0x1f) malformed(path, 'long tag');
  let length = first;
  let head = 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    // Three octets reach 16 MiB, beyond every limit; zero octets is the indefinite form of BER.
    if (count === 0 || count > 3 || at + 2 + count > bytes.length) malformed(path, 'bad length');
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[at + 2 + i] as number);
    if (length < 0x80 || length < 256 ** (count - 1)) malformed(path, 'length not minimal');
    head += count;
  }
  const end = at + head + length;
  if (end > bytes.length) malformed(path, 'truncated');
  return { tag, body: bytes.subarray(at + head, end), raw: bytes.subarray(at, end) };
}

export function malformed(path: string, reason: string): never {
  throw trustError('trustchain.certificate_malformed', { path, reason });
}
