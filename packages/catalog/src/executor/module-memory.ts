import { catalogError } from '../errors.ts';

export const PAGE_BYTES: number = 65_536;

const SECTION_IMPORT = 2;
const SECTION_MEMORY = 5;
const HEADER_BYTES = 8;

/**
 * Rewrites the maximum of a module's own memory to `memoryBytesMax`, so that the engine itself refuses to grow further
 * (WebAssembly core specification 2.0, sections 5.4.5 and 5.5.8). One 32-bit, unshared memory, defined by the module.
 */
export function limitMemory(module: Uint8Array, memoryBytesMax: number): Uint8Array {
  const pagesMax = Math.floor(memoryBytesMax / PAGE_BYTES);
  const parts: Uint8Array[] = [module.subarray(0, HEADER_BYTES)];
  let found = false;
  for (const section of sectionsOf(module)) {
    if (section.id === SECTION_MEMORY) {
      parts.push(memorySection(section.body, pagesMax));
      found = true;
    } else {
      if (section.id === SECTION_IMPORT) assertNoMemoryImport(module);
      parts.push(section.whole);
    }
  }
  if (!found) throw catalogError('catalog.module_entry', { missing: 'memory' });
  return new Uint8Array(Buffer.concat(parts));
}

interface Section {
  readonly id: number;
  readonly body: Uint8Array;
  readonly whole: Uint8Array;
}

function* sectionsOf(module: Uint8Array): Iterable<Section> {
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

function memorySection(body: Uint8Array, pagesMax: number): Uint8Array {
  const count = readUnsigned(body, 0);
  const flags = body[count.next] as number;
  if (count.value !== 1 || flags > 1) throw catalogError('catalog.module_malformed', { reason: 'one plain memory is allowed' });
  const minimum = readUnsigned(body, count.next + 1);
  const declared = flags === 1 ? readUnsigned(body, minimum.next).value : pagesMax;
  if (minimum.value > pagesMax) {
    throw catalogError('catalog.module_memory', { pages: minimum.value, pagesMax });
  }
  const content = [1, 1, ...unsigned(minimum.value), ...unsigned(Math.min(declared, pagesMax))];
  return new Uint8Array([SECTION_MEMORY, ...unsigned(content.length), ...content]);
}

function assertNoMemoryImport(module: Uint8Array): void {
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(module));
  if (imports.some((entry) => entry.kind === 'memory')) throw catalogError('catalog.module_import', { import: 'memory' });
}

/** Unsigned LEB128 of at most 32 bits. */
function readUnsigned(bytes: Uint8Array, at: number): { value: number; next: number } {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, next: at + i + 1 };
  }
  throw catalogError('catalog.module_malformed', { reason: 'bad integer' });
}

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return bytes;
}
