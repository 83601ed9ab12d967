import { rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { devnetError } from '@hypermesh/devnet';

/** The door by which `down` ends an `up` of the same directory: who may write there may end it. */
export interface ControlSocket extends AsyncDisposable {
  /** Aborts when somebody has asked for the end. */
  readonly signal: AbortSignal;
}

// sockaddr_un of Linux and of macOS, whichever is shorter, with its final zero (unix(7)).
const SOCKET_PATH_BYTES_MAX = 103;

/** `directory`: the folder with `genesis.bin` of a mesh that is locked by the caller. */
export function controlSocketOf(directory: string): string {
  return join(directory, 'up.sock');
}

export function fitsSocket(path: string): boolean {
  return Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX;
}

/** Listens until disposed; every caller is held until then, so that it knows when the end has come. */
export async function openControlSocket(path: string): Promise<ControlSocket> {
  const controller = new AbortController();
  const callers = new Set<Socket>();
  // The lock of the directory is the caller's, so a socket that is there is what a killed process has left.
  await rm(path, { force: true });
  const server = createServer((caller) => {
    callers.add(caller);
    caller.on('error', () => caller.destroy());
    caller.on('close', () => callers.delete(caller));
    controller.abort();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  server.unref();
  return {
    signal: controller.signal,
    async [Symbol.asyncDispose]() {
      for (const caller of callers) caller.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

/** Asks for the end and resolves when it has come. Throws `devnet.not_running` where nobody listens. */
export function askForEnd(path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, signal });
    socket.once('error', (cause) => {
      const gone = ['ENOENT', 'ECONNREFUSED', 'ENOTDIR'].includes(String((cause as NodeJS.ErrnoException).code));
      reject(gone ? devnetError('devnet.not_running', { directory: dirname(path) }, { cause }) : cause);
    });
    socket.once('close', () => resolve());
    socket.resume();
  });
}
