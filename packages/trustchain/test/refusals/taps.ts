import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type Carrier, type CarrierConnection, type CarrierStream, createQuicCarrier, type QuicCarrier } from '@hypermesh/stoq';

/** A relay of datagrams in front of a listener, which keeps all that passes, in both directions. */
export interface DatagramTap {
  readonly address: string;
  readonly datagrams: Uint8Array[];
  close(): Promise<void>;
}

export async function tapDatagrams(listener: string): Promise<DatagramTap> {
  const port = Number(listener.split(':').at(-1));
  const datagrams: Uint8Array[] = [];
  const outside = await bound();
  const inside = new Map<number, Promise<Socket>>();
  outside.on('message', (datagram, from) => {
    datagrams.push(datagram);
    if (!inside.has(from.port)) {
      const socket = bound().then((opened) =>
        opened.on('message', (answer) => {
          datagrams.push(answer);
          outside.send(answer, from.port, '127.0.0.1');
        }),
      );
      inside.set(from.port, socket);
    }
    void inside.get(from.port)?.then((socket) => socket.send(datagram, port, '127.0.0.1'));
  });
  return {
    address: `127.0.0.1:${outside.address().port}`,
    datagrams,
    async close() {
      const sockets = [outside, ...(await Promise.all(inside.values()))];
      await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))));
    },
  };
}

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** A QUIC carrier that keeps every byte that its user hands to it or takes from it: what is left once QUIC is broken. */
export function tapCarrier(seen: Uint8Array[]): Carrier & { close(): Promise<void> } {
  const carrier: QuicCarrier = createQuicCarrier();
  return {
    kind: carrier.kind,
    listen: (address, accept) => carrier.listen(address, (connection) => accept(tapped(connection, seen))),
    dial: async (address, options) => tapped(await carrier.dial(address, options), seen),
    close: () => carrier.close(),
  };
}

function tapped(connection: CarrierConnection, seen: Uint8Array[]): CarrierConnection {
  return {
    role: connection.role,
    remoteAddress: connection.remoteAddress,
    binding: connection.binding,
    closed: connection.closed,
    close: () => connection.close(),
    openStream: async (options) => tappedStream(await connection.openStream(options), seen),
    async acceptStream() {
      const stream = await connection.acceptStream();
      return stream === null ? null : tappedStream(stream, seen);
    },
  };
}

function tappedStream(stream: CarrierStream, seen: Uint8Array[]): CarrierStream {
  return {
    async write(bytes) {
      seen.push(Uint8Array.from(bytes));
      await stream.write(bytes);
    },
    async read(bytesMax) {
      const bytes = await stream.read(bytesMax);
      if (bytes !== null) seen.push(Uint8Array.from(bytes));
      return bytes;
    },
    finish: () => stream.finish(),
    abort: () => stream.abort(),
  };
}
