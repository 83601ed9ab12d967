import { describe, expect, it } from 'vitest';
import { assertModuleLimits, BODY_BYTES_MAX, FUNCTIONS_MAX, MODULE_BYTES_MAX, TABLE_ENTRIES_MAX } from '../../src/module/limits.ts';
import { SECTION, unsigned } from '../../src/module/sections.ts';

const HEADER = [0, 97, 115, 109, 1, 0, 0, 0];

function moduleWith(id: number, body: readonly number[]): Uint8Array {
  return new Uint8Array([...HEADER, id, ...unsigned(body.length), ...body]);
}

const tables = (...minima: number[]): Uint8Array =>
  moduleWith(SECTION.table, [minima.length, ...minima.flatMap((minimum) => [0x70, 0, ...unsigned(minimum)])]);
const bounded = (minimum: number): Uint8Array => moduleWith(SECTION.table, [1, 0x6f, 1, ...unsigned(minimum), ...unsigned(2 ** 31)]);
const functions = (count: number): Uint8Array => moduleWith(SECTION.function, unsigned(count));
const bodies = (size: number): Uint8Array => moduleWith(SECTION.code, [2, 1, 0, ...unsigned(size)]);

describe('limits of a module', () => {
  it.each([
    ['functions', functions(FUNCTIONS_MAX)],
    ['slots of several tables', tables(TABLE_ENTRIES_MAX - 1, 1)],
    ['slots of a table with a maximum', bounded(TABLE_ENTRIES_MAX)],
    ['a long function', bodies(BODY_BYTES_MAX)],
  ])('allow as many %s', (_, module) => {
    expect(() => assertModuleLimits(module)).not.toThrow();
  });

  it.each([
    ['functions', functions(FUNCTIONS_MAX + 1), 'catalog.module_too_complex'],
    ['slots in several tables', tables(TABLE_ENTRIES_MAX, 1), 'catalog.module_too_complex'],
    ['slots of a table with a maximum', bounded(TABLE_ENTRIES_MAX + 1), 'catalog.module_too_complex'],
    ['bytes in the second function', bodies(BODY_BYTES_MAX + 1), 'catalog.module_too_complex'],
    ['bytes', new Uint8Array(MODULE_BYTES_MAX + 1), 'catalog.module_too_large'],
  ])('refuse more %s', (_, module, code) => {
    expect(() => assertModuleLimits(module)).toThrow(expect.objectContaining({ code }));
  });

  it.each([
    ['a table of another type', moduleWith(SECTION.table, [1, 0x40, 0, 0])],
    ['a shared table', moduleWith(SECTION.table, [1, 0x70, 3, 1, 1])],
    ['a table that ends early', moduleWith(SECTION.table, [2, 0x70, 0, 1])],
    ['no count', moduleWith(SECTION.function, [])],
  ])('refuse %s as malformed', (_, module) => {
    expect(() => assertModuleLimits(module)).toThrow(expect.objectContaining({ code: 'catalog.module_malformed' }));
  });
});
