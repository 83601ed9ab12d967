import { DAEMONS, type RunningMesh } from '@hypermesh/devnet';

const FOLLOWERS: readonly string[] = DAEMONS.filter(({ kind }) => kind === 'catalogd' || kind === 'caesard').map(({ name }) => name);

/** Ends the daemons that re-execute the log, and starts them again afterwards: on few cores they would be measured too. */
export async function withoutFollowers({ mesh }: RunningMesh): Promise<AsyncDisposable> {
  for (const name of FOLLOWERS) await mesh.kill(name);
  return {
    async [Symbol.asyncDispose]() {
      for (const name of FOLLOWERS) await mesh.start(name);
    },
  };
}
