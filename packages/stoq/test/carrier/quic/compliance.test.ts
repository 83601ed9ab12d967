import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type Address, createQuicCarrier } from '@hypermesh/stoq';
import { describeCarrier } from '../compliance.ts';

const STREAM_WINDOW_BYTES = 1024 * 1024;
// quinn's default send window of a connection, which the binding does not set.
const SEND_WINDOW_BYTES = 10 * 1024 * 1024;

describeCarrier('quic', () => ({
  create: ({ connectTimeoutMs = 10_000 } = {}) => createQuicCarrier({ connectTimeoutMs, streamWindowBytes: STREAM_WINDOW_BYTES }),
  addresses: ['127.0.0.1:0', '[::1]:0'],
  async nobody() {
    const held = await holdPort();
    held.close();
    // A datagram to a closed port is lost in silence, as on most networks.
    return { address: held.address, code: 'stoq.carrier_timeout' };
  },
  silent: holdPort,
  badAddresses: ['localhost:1', '127.0.0.1', '127.0.0.1:65536', '127.0.0.1:01', '[::1', '::1:1', '[fe80::1%lo]:1', '256.0.0.1:1', ''],
  unreadBytesMax: STREAM_WINDOW_BYTES + SEND_WINDOW_BYTES,
}));

async function holdPort(): Promise<{ readonly address: Address; close(): void }> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { address: `127.0.0.1:${socket.address().port}`, close: () => socket.close() };
}
