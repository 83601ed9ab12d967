import { catalogError } from '../errors.ts';
import { HEADER_BYTES, readUnsigned, SECTION, sectionsOf, unsigned } from '../module/sections.ts';

export const PAGE_BYTES: number = 65_536;

const IMPORT_FUNCTION = 0;

/**
 * Rewrites the maximum of a module's own memory to `memoryBytesMax`, so that the engine itself refuses to grow further
 * (WebAssembly core specification 2.0, sections 5.4.5 and 5.5.8). One 32-bit, unshared memory, defined by the module.
 */
export function limitMemory(module: Uint8Array, memoryBytesMax: number): Uint8Array {
  const pagesMax = Math.floor(memoryBytesMax / PAGE_BYTES);
  const parts: Uint8Array[] = [module.subarray(0, HEADER_BYTES)];
  let found = false;
  for (const { id, body, whole } of sectionsOf(module)) {
    if (id === SECTION.memory) {
      parts.push(memorySection(body, pagesMax));
      found = true;
    } else {
      if (id === SECTION.import) assertFunctionImports(body);
      parts.push(whole);
    }
  }
  if (!found) throw catalogError('catalog.module_entry', { missing: 'memory' });
  return new Uint8Array(Buffer.concat(parts));
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
  return new Uint8Array([SECTION.memory, ...unsigned(content.length), ...content]);
}

/** A memory or table of somebody else would have no maximum here (section 5.5.5: module, name, kind, index of the type). */
function assertFunctionImports(body: Uint8Array): void {
  const count = readUnsigned(body, 0);
  let { next } = count;
  for (let i = 0; i < count.value; i++) {
    for (let names = 0; names < 2; names++) {
      const length = readUnsigned(body, next);
      next = length.next + length.value;
    }
    if (body[next] !== IMPORT_FUNCTION) throw catalogError('catalog.module_import', { kind: body[next] });
    next = readUnsigned(body, next + 1).next;
  }
}
