import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';

export interface FreePortsOptions {
  /** Literal IPv4 address of this machine. */
  readonly host?: string;
  /** An integer from `min` to `end - 1`. */
  readonly random?: (min: number, end: number) => number;
}

// By default a socket that names no port gets one from 32,768 (ip(7), ip_local_port_range) or 49,152 (macOS) on, so none of
// these is taken by chance before a daemon binds it, or while the daemon is down.
const PORT_MIN = 10_000;
const PORT_MAX = 32_767;

// So many in a row are held only where nearly every port is.
const ATTEMPTS_MAX = 100;

/**
 * UDP ports of a host that nobody holds at the moment. They are all held until the last one is found, so that they differ;
 * whoever binds them next must expect that a process that names the same one was quicker.
 */
export async function freeUdpPorts(count: number, options: FreePortsOptions = {}): Promise<readonly number[]> {
  const { host = '127.0.0.1', random = randomInt } = options;
  const sockets: Socket[] = [];
  try {
    for (let i = 0; i < count; i++) sockets.push(await boundSocket(host, random));
    return sockets.map((socket) => socket.address().port);
  } finally {
    for (const socket of sockets) socket.close();
  }
}

/** Whether nobody holds the port of that literal IPv4 address of this machine. */
export async function isFreeUdp(host: string, port: number): Promise<boolean> {
  try {
    (await bind(host, port)).close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
}

async function boundSocket(host: string, random: (min: number, end: number) => number): Promise<Socket> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await bind(host, random(PORT_MIN, PORT_MAX + 1));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

function bind(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind(port, host, () => resolve(socket));
  });
}
