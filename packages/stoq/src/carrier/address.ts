import { isIPv4, isIPv6 } from 'node:net';
import { stoqError } from '../errors.ts';
import type { Address } from './carrier.ts';

export interface ParsedAddress {
  /** A literal without brackets. */
  readonly host: string;
  readonly port: number;
  readonly family: 4 | 6;
}

const PORT_MAX = 65535;
const PORT_FORM = /^(0|[1-9][0-9]{0,4})$/;

/** Splits `1.2.3.4:port` or `[::1]:port`. Names and IPv6 zones are refused with `stoq.carrier_address`. */
export function parseAddress(address: Address): ParsedAddress {
  const colon = address.lastIndexOf(':');
  const hostText = address.slice(0, Math.max(colon, 0));
  const portText = address.slice(colon + 1);
  const port = PORT_FORM.test(portText) ? Number(portText) : -1;
  if (port < 0 || port > PORT_MAX) throw stoqError('stoq.carrier_address', { address, reason: 'port' });
  if (isIPv4(hostText)) return { host: hostText, port, family: 4 };
  const inner = hostText.startsWith('[') && hostText.endsWith(']') ? hostText.slice(1, -1) : '';
  if (isIPv6(inner) && !inner.includes('%')) return { host: inner, port, family: 6 };
  throw stoqError('stoq.carrier_address', { address, reason: 'not a literal address' });
}

/** The inverse of `parseAddress`. */
export function formatAddress(host: string, port: number): Address {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
