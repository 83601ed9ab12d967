import { falcon1024 } from '@noble/post-quantum/falcon.js';

export interface FalconSignTask {
  /** In shared memory, so that no copy of the secret is made for the thread. */
  readonly secretKey: Uint8Array;
  readonly message: Uint8Array;
}

/** Signs with noble, which wipes what it derives from the secret key. */
export function sign(task: FalconSignTask): Uint8Array {
  return falcon1024.sign(task.message, task.secretKey);
}
