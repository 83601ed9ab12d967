import { describe, expect, it } from 'vitest';
import { parseRemoteEnd } from '../../../src/carrier/quic/peer-key.ts';

// Peer id of the Ed25519 public key of 32 bytes 0x2a, computed with an independent base58 implementation.
const PEER_ID = '12D3KooWCexakn992Rk1Gh1jx9SvzZVsjzt6KMuvRjMapx34GwGd';
const KEY = new Uint8Array(32).fill(0x2a);

describe('remote end of a QUIC connection', () => {
  it.each([
    [`/ip4/10.0.0.1/udp/9292/quic-v1/p2p/${PEER_ID}`, '10.0.0.1:9292'],
    [`/ip6/2001:db8::1/udp/1/quic-v1/p2p/${PEER_ID}`, '[2001:db8::1]:1'],
  ])('of %s', (multiaddr, address) => {
    expect(parseRemoteEnd(multiaddr)).toEqual({ address, key: KEY });
  });

  it.each([
    ['no peer id', '/ip4/10.0.0.1/udp/9292/quic-v1'],
    ['another transport', `/ip4/10.0.0.1/tcp/9292/p2p/${PEER_ID}`],
    ['a peer id that is cut', `/ip4/10.0.0.1/udp/9292/quic-v1/p2p/${PEER_ID.slice(0, -1)}`],
    ['a peer id that is too long', `/ip4/10.0.0.1/udp/9292/quic-v1/p2p/${PEER_ID}${'1'.repeat(40)}`],
    ['a hash in place of a key', '/ip4/10.0.0.1/udp/9292/quic-v1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'],
    ['only zeros', `/ip4/10.0.0.1/udp/9292/quic-v1/p2p/${'1'.repeat(38)}`],
    ['a character outside base58', `/ip4/10.0.0.1/udp/9292/quic-v1/p2p/${PEER_ID.replace(/.$/, '0')}`],
    ['nothing', ''],
  ])('is refused with %s', (_what, multiaddr) => {
    expect(() => parseRemoteEnd(multiaddr)).toThrow(expect.objectContaining({ code: 'stoq.carrier_refused' }));
  });
});
