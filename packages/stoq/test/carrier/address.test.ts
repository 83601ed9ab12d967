import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from '@hypermesh/stoq';

describe('addresses', () => {
  it.each([
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0, family: 4 }],
    ['10.1.2.3:65535', { host: '10.1.2.3', port: 65_535, family: 4 }],
    ['[::1]:9292', { host: '::1', port: 9292, family: 6 }],
    ['[2001:db8::ff]:1', { host: '2001:db8::ff', port: 1, family: 6 }],
  ])('reads %s and writes it again', (address, parsed) => {
    expect(parseAddress(address)).toEqual(parsed);
    expect(formatAddress(parsed.host, parsed.port)).toBe(address);
  });

  it.each([
    '',
    ':',
    ':1',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:-1',
    '127.0.0.1:65536',
    '127.0.0.1:1 ',
    '::1:1',
    '[::1]',
    '[]:1',
    '[127.0.0.1]:1',
    '[fe80::1%lo]:1',
    'localhost:1',
    '127.1:1',
  ])('refuses %j', (address) => {
    expect(() => parseAddress(address)).toThrow(expect.objectContaining({ code: 'stoq.carrier_address' }));
  });
});
