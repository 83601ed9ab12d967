import { createSocket, type Socket } from 'node:dgram';
import { createServer, type AddressInfo } from 'node:net';

/**
 * UDP ports of 127.0.0.1 that nobody holds at the moment. They are all held until the last one is found, so that they
 * differ; whoever binds them next must expect that another process was quicker.
 */
export async function freeUdpPorts(count: number): Promise<readonly number[]> {
  const sockets: Socket[] = [];
  try {
    for (let i = 0; i < count; i++) sockets.push(await boundSocket());
    return sockets.map((socket) => socket.address().port);
  } finally {
    for (const socket of sockets) socket.close();
  }
}

/** The wanted TCP port of 127.0.0.1 if nobody holds it, otherwise any free one. */
export async function tcpPortNear(wanted: number): Promise<number> {
  return (await tryListen(wanted)) ?? (await tryListen(0)) ?? 0;
}

function boundSocket(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', () => resolve(socket));
  });
}

function tryListen(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const bound = (server.address() as AddressInfo).port;
      server.close(() => resolve(bound));
    });
  });
}
