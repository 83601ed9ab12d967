import { createServer, type Server } from 'node:net';
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { devnetError } from '../errors.ts';

/** Only Linux has the lock, loopback addresses by the million, and `/proc`. Throws `devnet.unsupported`. */
export function assertPlatform(platform: NodeJS.Platform = process.platform): void {
  if (platform !== 'linux') throw devnetError('devnet.unsupported', { platform });
}

/**
 * Holds a directory for this process. The lock is an abstract Unix socket (unix(7)): the kernel drops it with its holder, so
 * it is never stale. Throws `devnet.directory_used`, and `devnet.unsupported` where the kernel has no such sockets.
 */
export async function lockDirectory(directory: string): Promise<Disposable> {
  const name = createHash('sha256')
    .update(await realpath(directory))
    .digest('hex');
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const isHeld = cause.code === 'EADDRINUSE';
      const error = isHeld
        ? devnetError('devnet.directory_used', { directory }, { cause })
        : devnetError('devnet.unsupported', { platform: process.platform, reason: cause.code }, { cause });
      reject(error);
    });
    server.listen(`\0hypermesh-${name}`, resolve);
  });
  server.unref();
  return { [Symbol.dispose]: () => close(server) };
}

function close(server: Server): void {
  server.close();
}
