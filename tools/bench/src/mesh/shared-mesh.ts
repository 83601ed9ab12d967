import { type RunningMesh, startMesh } from '@hypermesh/devnet';

/** One local mesh for all measurements of a command that need one, started when the first of them asks. */
export interface SharedMesh extends AsyncDisposable {
  running(): Promise<RunningMesh>;
}

export interface SharedMeshOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
}

export function createSharedMesh({ signal, onProgress }: SharedMeshOptions): SharedMesh {
  let starting: Promise<RunningMesh> | undefined;
  return {
    running: () => (starting ??= startMesh({ directory: null, signal, onProgress, onLost: (name) => onProgress(`${name} ended`) })),
    async [Symbol.asyncDispose]() {
      const mesh = await starting?.catch(() => undefined);
      await mesh?.[Symbol.asyncDispose]();
    },
  };
}
