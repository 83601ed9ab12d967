import { UNITS_PER_CAES } from '@hypermesh/caesar/client';
import { usageError } from './errors.ts';

const FRACTION_DIGITS = 9;

/** Units of 1e-9 CAES of an amount in CAES such as `12.5`. Throws `cli.usage`. */
export function parseCaes(text: string): bigint {
  const [, whole, fraction = ''] = /^(\d{1,10})(?:\.(\d{1,9}))?$/u.exec(text) ?? [];
  if (whole === undefined) {
    throw usageError('Write an amount of CAES such as 12.5, with at most 9 digits after the point', { amount: text });
  }
  return BigInt(whole) * UNITS_PER_CAES + BigInt(fraction.padEnd(FRACTION_DIGITS, '0'));
}

/** As `parseCaes`, but more than nothing. */
export function parsePositiveCaes(text: string): bigint {
  const units = parseCaes(text);
  if (units === 0n) throw usageError('The amount must be more than 0', { amount: text });
  return units;
}

/** Exact, without zeroes at the end: `12.5`. */
export function formatCaes(units: bigint): string {
  const magnitude = units < 0n ? -units : units;
  const fraction = (magnitude % UNITS_PER_CAES).toString().padStart(FRACTION_DIGITS, '0').replace(/0+$/u, '');
  return `${units < 0n ? '-' : ''}${magnitude / UNITS_PER_CAES}${fraction === '' ? '' : `.${fraction}`}`;
}
