import { connectMesh, type LocalMesh, type RunningMesh, startMesh, type User } from '@hypermesh/devnet';
import type { PeerTarget } from '@hypermesh/stoq';

/** A mesh that campaigns break, and the user whose work must survive. */
export interface TestBed extends AsyncDisposable {
  readonly mesh: LocalMesh;
  readonly user: User;
  readonly signal: AbortSignal;
  /** Where a daemon with a certificate of its own answers now: its port changes with every start. */
  target(name: ServiceName): PeerTarget;
  /** Kills every daemon at once, as a power cut would, and leaves its files. */
  cutPower(): Promise<void>;
}

export type ServiceName = 'catalogd' | 'caesard' | 'stoqd';

const SERVICES: Readonly<Record<ServiceName, string>> = { catalogd: 'catalog', caesard: 'caesar', stoqd: 'stoqd' };

export interface TestBedOptions {
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
  readonly onLost: (name: string) => void;
}

/** Starts the mesh of the directory, made when there is none, and takes it to the phase in which quorums decide. */
export async function openTestBed(options: TestBedOptions): Promise<TestBed> {
  await using opening = new AsyncDisposableStack();
  const running: RunningMesh = opening.use(await startMesh(options));
  const { mesh, user } = running;
  const { signal, onProgress } = options;
  onProgress('connecting the mesh');
  await connectMesh(user, signal);
  const ids = new Map<ServiceName, Uint8Array | undefined>();
  for (const [name, service] of Object.entries(SERVICES) as [ServiceName, string][]) {
    ids.set(name, (await user.member.find(service, { signal })).id);
  }
  const stack = opening.move();
  return {
    mesh,
    user,
    signal,
    target(name) {
      const id = ids.get(name);
      return { addresses: mesh.daemon(name).addresses.stoq as readonly string[], expect: 'bundle', ...(id === undefined ? {} : { id }) };
    },
    cutPower: async () => void (await Promise.all(mesh.running().map(({ spec }) => mesh.kill(spec.name)))),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
