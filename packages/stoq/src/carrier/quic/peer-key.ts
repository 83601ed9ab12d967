import { stoqError } from '../../errors.ts';
import { formatAddress } from '../address.ts';
import type { Address } from '../carrier.ts';

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
// Identity multihash (00) of 0x24 bytes: protobuf PublicKey with type 1 (Ed25519) and 0x20 bytes of key.
const PEER_ID_PREFIX: readonly number[] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
const PEER_ID_BYTES: number = PEER_ID_PREFIX.length + 32;
// 38 bytes take 52 characters of base58.
const PEER_ID_CHARS_MAX = 64;
const MULTIADDR_FORM = /^\/ip[46]\/([0-9a-fA-F.:]+)\/udp\/([0-9]{1,5})\/quic-v1\/p2p\/([1-9A-HJ-NP-Za-km-z]+)$/;

export interface RemoteEnd {
  readonly address: Address;
  /** Raw Ed25519 key that the peer's TLS certificate proved, 32 bytes. */
  readonly key: Uint8Array;
}

/** Address and proven carrier key of the remote end. Throws `stoq.carrier_refused` if the key is of another kind. */
export function parseRemoteEnd(multiaddr: string): RemoteEnd {
  const parts = MULTIADDR_FORM.exec(multiaddr);
  const peerId = decodeBase58(parts?.[3] ?? '');
  if (parts === null || peerId === null || !PEER_ID_PREFIX.every((byte, index) => peerId[index] === byte)) {
    throw stoqError('stoq.carrier_refused', { reason: 'the peer proved no Ed25519 key' });
  }
  return { address: formatAddress(parts[1] as string, Number(parts[2])), key: peerId.slice(PEER_ID_PREFIX.length) };
}

/** Exactly a peer id's length, or null. */
function decodeBase58(text: string): Uint8Array | null {
  if (text.length === 0 || text.length > PEER_ID_CHARS_MAX) return null;
  let number = 0n;
  for (const char of text) number = number * 58n + BigInt(BASE58.indexOf(char));
  const leadingZeros = text.length - text.replace(/^1+/, '').length;
  const digits = number === 0n ? '' : number.toString(16);
  const body = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  if (leadingZeros + body.length !== PEER_ID_BYTES) return null;
  return Uint8Array.from([...new Uint8Array(leadingZeros), ...body]);
}
