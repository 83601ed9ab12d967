import { catalogError } from '../errors.ts';

// WebAssembly core specification 2.0, section 5.5.2.
export const SECTION: Readonly<Record<'import' | 'function' | 'table' | 'memory' | 'start' | 'code', number>> = {
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  start: 8,
  code: 10,
};

// Magic number and version (section 5.5.16).
export const HEADER_BYTES: number = 8;

export interface Section {
  readonly id: number;
  readonly body: Uint8Array;
  readonly whole: Uint8Array;
}

/** The sections of a module in their order, as views. Throws `catalog.module_malformed`. */
export function* sectionsOf(module: Uint8Array): Iterable<Section> {
  let at = HEADER_BYTES;
  while (at < module.length) {
    const id = module[at] as number;
    const size = readUnsigned(module, at + 1);
    const end = size.next + size.value;
    if (end > module.length) throw catalogError('catalog.module_malformed', { reason: 'section beyond the end' });
    yield { id, body: module.subarray(size.next, end), whole: module.subarray(at, end) };
    at = end;
  }
}

/** Unsigned LEB128 of at most 32 bits (section 5.2.2) and where it ends. */
export function readUnsigned(bytes: Uint8Array, at: number): { readonly value: number; readonly next: number } {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, next: at + i + 1 };
  }
  throw catalogError('catalog.module_malformed', { reason: 'bad integer' });
}

export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return bytes;
}

/** A module without its start section, and the index of the function that it names. */
export function withoutStart(module: Uint8Array): { readonly bytes: Uint8Array; readonly start: number | null } {
  let start: number | null = null;
  const parts: Uint8Array[] = [module.subarray(0, HEADER_BYTES)];
  for (const { id, body, whole } of sectionsOf(module)) {
    if (id === SECTION.start) start = readUnsigned(body, 0).value;
    else parts.push(whole);
  }
  return { bytes: start === null ? module : new Uint8Array(Buffer.concat(parts)), start };
}
