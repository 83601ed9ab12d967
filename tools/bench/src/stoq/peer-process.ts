import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { HybridPublicKey } from '@hypermesh/stoq';
import { benchError } from '../errors.ts';
import type { PeerReady, PeerRequest, Received } from './protocol.ts';

/** The other end of a measurement, in a process of its own. */
export interface PeerProcess extends AsyncDisposable {
  readonly ready: PeerReady;
  /** The next stream that the peer has received to its end. */
  received(): Promise<Received>;
}

export async function startPeer(clientKey: HybridPublicKey): Promise<PeerProcess> {
  const isSource = import.meta.url.endsWith('.ts');
  const child = fork(fileURLToPath(new URL(isSource ? './peer.entry.ts' : './peer.entry.js', import.meta.url)), [], {
    execArgv: isSource ? ['--conditions=@hypermesh/source'] : [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  child.send({ kind: 'serve', clientKey } satisfies PeerRequest);
  return {
    ready: (await messageOf(child, 'ready')) as PeerReady,
    received: async () => (await messageOf(child, 'received')) as Received,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await ended;
    },
  };
}

function messageOf(child: ChildProcess, kind: string): Promise<PeerReady | Received> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(benchError('bench.peer_failed', { exitCode: child.exitCode, awaited: kind }));
    const take = (message: PeerReady | Received): void => {
      if (message.kind !== kind) return;
      child.off('message', take);
      child.off('exit', ended);
      resolve(message);
    };
    child.on('message', take);
    child.once('exit', ended);
  });
}
