import { catalogError } from '../errors.ts';
import { readUnsigned, SECTION, sectionsOf } from './sections.ts';

// Larger modules take seconds to compile on a small machine.
export const MODULE_BYTES_MAX: number = 32 * 1024 * 1024;

// Metering holds every function: so many small ones take some ten seconds of a core and 400 MiB. Large programs have 30,000.
export const FUNCTIONS_MAX: number = 50_000;

// The longest functions of real programs, the loops of interpreters, have some 200 KiB.
export const BODY_BYTES_MAX: number = 1024 * 1024;

// Slots of all tables together: the engine allocates them beside the memory that a guest's limit bounds.
export const TABLE_ENTRIES_MAX: number = 100_000;

/**
 * Refuses what a small file makes large, by the counts that its sections declare. Throws `catalog.module_too_large`,
 * `catalog.module_too_complex`, `catalog.module_malformed`.
 */
export function assertModuleLimits(module: Uint8Array): void {
  assertModuleBytes(module.length);
  for (const { id, body } of sectionsOf(module)) {
    if (id === SECTION.function) assertCount('functions', readUnsigned(body, 0).value, FUNCTIONS_MAX);
    else if (id === SECTION.table) assertCount('tableEntries', tableEntries(body), TABLE_ENTRIES_MAX);
    else if (id === SECTION.code) assertBodies(body);
  }
}

export function assertModuleBytes(bytes: number): void {
  if (bytes > MODULE_BYTES_MAX) throw catalogError('catalog.module_too_large', { bytes, bytesMax: MODULE_BYTES_MAX });
}

export function assertCount(what: 'functions' | 'tableEntries' | 'bodyBytes' | 'meteredBytes', count: number, max: number): void {
  if (count > max) throw catalogError('catalog.module_too_complex', { [what]: count, max });
}

const REFERENCE_TYPES: readonly (number | undefined)[] = [0x70, 0x6f];

/** Initial slots of all tables (core specification 2.0, sections 5.3.9 and 5.5.7). */
function tableEntries(body: Uint8Array): number {
  const count = readUnsigned(body, 0);
  let { next } = count;
  let entries = 0;
  for (let i = 0; i < count.value; i++) {
    const flags = body[next + 1] as number;
    if (!REFERENCE_TYPES.includes(body[next]) || flags > 1) throw catalogError('catalog.module_malformed', { reason: 'table type' });
    const minimum = readUnsigned(body, next + 2);
    entries += minimum.value;
    next = flags === 1 ? readUnsigned(body, minimum.next).next : minimum.next;
  }
  return entries;
}

function assertBodies(body: Uint8Array): void {
  const count = readUnsigned(body, 0);
  let { next } = count;
  for (let i = 0; i < count.value; i++) {
    const size = readUnsigned(body, next);
    assertCount('bodyBytes', size.value, BODY_BYTES_MAX);
    next = size.next + size.value;
  }
}
